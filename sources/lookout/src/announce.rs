//! Writes what changed as signed events, in their final bytes.
//!
//! Before this comes [`crate::diff`], after it the outbox of [`crate::store`].

use std::collections::BTreeSet;

use jiff::Timestamp;
use laniakea_event::{Dialect, Draft, DraftError, EventId, Object, SignedEvent, SigningKey, Value};
use uuid::Uuid;

use crate::{
    diff::{Change, Counts, Diff, Kind},
    suite::{Binary, Published},
};

const PUBLISHED: &str = "_lk.archive.source-package-published-in-suite";
const REMOVED: &str = "_lk.archive.source-package-suite-removed";
const REPOSITORY: &str = "_lk.archive.repository-published";

/// An event holds at most 10,000 members and items; the largest source of Debian has a tenth of
/// this.
const MAX_BINARIES: usize = 3_000;

/// Signs the events of this lookout.
#[derive(Debug)]
pub struct Announcer {
    /// Our key.
    pub key: SigningKey,
    /// The member names of the events.
    pub dialect: Dialect,
    /// The machine's name, where it has one that an event can carry.
    pub origin: Option<String>,
    /// Tells our UUIDs from those of others: six random bytes.
    pub node: [u8; 6],
}

/// Where and when something was published.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The archive's name.
    pub repo: &'a str,
    /// Its address.
    pub url: &'a str,
    /// The suite.
    pub suite: &'a str,
    /// What the suite's `Release` calls itself.
    pub codename: &'a str,
    /// When the archive wrote that file.
    pub date: Timestamp,
    /// When we saw it: the `time` of the events.
    pub seen: Timestamp,
}

/// Whether to tell that the suite was published, after the packages that changed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// It was published since the last look.
    Told,
    /// It was there at the first look, whenever it was published.
    NotTold,
}

impl Announcer {
    /// The events that tell of `diff`, in its order.
    ///
    /// # Errors
    ///
    /// If a relay would refuse one. Names and lengths have been checked long before, so this is a
    /// mistake of ours.
    pub fn announce(
        &self,
        publication: &Publication<'_>,
        diff: &Diff<'_>,
        summary: Summary,
    ) -> Result<Vec<SignedEvent>, DraftError> {
        let mut told: Vec<(&str, Object)> =
            diff.changes.iter().map(|change| tell(publication, change)).collect();
        if summary == Summary::Told {
            told.push((REPOSITORY, repository(publication, diff.counts())));
        }
        let sign = |(number, (id, data))| self.sign(publication.seen, number, id, data);
        (0..).zip(told).map(sign).collect()
    }

    fn sign(
        &self,
        time: Timestamp,
        number: u64,
        id: &str,
        data: Object,
    ) -> Result<SignedEvent, DraftError> {
        let id = EventId::parse(id).expect("the ids of this module are event ids");
        let draft = Draft::new(id, time, data).dialect(self.dialect, self.uuid(time, number));
        let draft = self.origin.iter().fold(draft, Draft::origin);
        draft.sign(&self.key)
    }

    /// A version-1 UUID. Its clock has ticks of 100 ns: events of the same moment get one each.
    fn uuid(&self, time: Timestamp, number: u64) -> Uuid {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        let nanos = u32::try_from(time.subsec_nanosecond()).unwrap_or_default();
        let (ticks, _) = uuid::Timestamp::from_unix_time(seconds, nanos, 0, 0).to_gregorian();
        Uuid::new_v1(uuid::Timestamp::from_gregorian_time(ticks + number, 0), &self.node)
    }
}

fn tell(publication: &Publication<'_>, change: &Change<'_>) -> (&'static str, Object) {
    let mut data = object([
        ("name", Value::from(&*change.source.name)),
        ("version", change.version.as_str().into()),
        ("component", (&*change.source.component).into()),
        ("repo", publication.repo.into()),
        ("date", publication.date.to_string().into()),
    ]);
    let mut insert = |name: &str, value: Value| data.insert(name.to_owned(), value);
    let (word, from) = match change.kind {
        Kind::New => ("new", None),
        Kind::Upgraded { from } => ("upgraded", Some(from)),
        Kind::Downgraded { from } => ("downgraded", Some(from)),
        Kind::Rebuilt { .. } => ("rebuilt", None),
        Kind::Removed => {
            insert("suite_old", publication.suite.into());
            data.extend(binaries(change.published.binaries.iter()));
            return (REMOVED, data);
        }
    };
    insert("suite_new", publication.suite.into());
    insert("change", word.into());
    if let Some(from) = from {
        insert("version_old", from.as_str().into());
    }
    let about = &change.published.about;
    for (name, text) in [("maintainer", &about.maintainer), ("section", &about.section)] {
        if let Some(text) = text {
            insert(name, (&**text).into());
        }
    }
    data.extend(match change.kind {
        Kind::Rebuilt { before } => rebuilt_binaries(before, change.published),
        _ => binaries(change.published.binaries.iter()),
    });
    (PUBLISHED, data)
}

/// Of a rebuild, the binaries that differ: built again, for the first time, or gone.
fn rebuilt_binaries(before: &Published, now: &Published) -> Object {
    binaries(before.binaries.symmetric_difference(&now.binaries))
}

/// The names and architectures of some binaries, each once.
fn binaries<'a>(binaries: impl Iterator<Item = &'a Binary> + Clone) -> Object {
    let names: BTreeSet<&str> = binaries.clone().map(|binary| &*binary.name).collect();
    let architectures: BTreeSet<&str> = binaries.map(|binary| &*binary.architecture).collect();
    if names.is_empty() {
        return Object::new();
    }
    let list = |texts: &BTreeSet<&str>| {
        let texts = texts.iter().take(MAX_BINARIES);
        Value::Array(texts.map(|text| Value::from(*text)).collect())
    };
    let mut data = object([("binaries", list(&names)), ("architectures", list(&architectures))]);
    if names.len() > MAX_BINARIES {
        data.insert("binaries_omitted".to_owned(), (names.len() - MAX_BINARIES).into());
    }
    data
}

fn repository(publication: &Publication<'_>, counts: Counts) -> Object {
    let Counts { new, upgraded, downgraded, rebuilt, removed } = counts;
    let changes = object([
        ("new", new.into()),
        ("upgraded", upgraded.into()),
        ("downgraded", downgraded.into()),
        ("rebuilt", rebuilt.into()),
        ("removed", removed.into()),
    ]);
    object([
        ("repo", publication.repo.into()),
        ("url", publication.url.into()),
        ("suite", publication.suite.into()),
        ("codename", publication.codename.into()),
        ("date", publication.date.to_string().into()),
        ("changes", changes.into()),
    ])
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
