//! Compares what a look found with what was known, and keeps both the new state and the events.
//!
//! Before this comes [`crate::look`]; after it [`crate::drain`] sends what is in the outbox.

use jiff::Timestamp;
use laniakea_event::DraftError;

use crate::{
    announce::{Announcer, Publication, Summary},
    apt::index::IndexName,
    config::{Archive, SuiteName},
    diff::{Counts, Diff, beyond, diff},
    look::{Seen, SeenIndex},
    store::{Indexes, Store, StoreError},
    suite::{Contents, SuiteState},
};

/// What to tell of a suite that was never looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLook {
    /// Nothing, or what it holds beyond its baseline where it has one.
    Quiet,
    /// Everything it holds is told as new, or what it holds beyond its baseline.
    Emitted,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Whether it was the first, or as good as one.
    pub first: bool,
    /// The changes that were told.
    pub counts: Counts,
    /// How many events are in the outbox for it.
    pub events: usize,
}

/// A look that could not be recorded; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The suite to compare with was never seen.
    #[error("its baseline {0} was not seen yet")]
    NoBaseline(SuiteName),
    /// An event that no relay would take.
    #[error("could not write an event")]
    Draft(#[from] DraftError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Fails if a first look at `suite` could not be recorded, before it is made.
///
/// # Errors
///
/// [`RecordError::NoBaseline`], or what the database says.
pub fn check_baseline(store: &Store, archive: &Archive, suite: &str) -> Result<(), RecordError> {
    match archive.baseline_of(suite) {
        Some(baseline) if store.known(&baseline)?.is_none() => {
            Err(RecordError::NoBaseline(baseline))
        }
        _ => Ok(()),
    }
}

/// Records what was seen of `suite` of `archive`.
///
/// # Errors
///
/// See [`RecordError`].
pub fn record(
    store: &mut Store,
    announcer: &Announcer,
    (archive, suite): (&Archive, &str),
    seen: &Seen,
    first_look: FirstLook,
    now: Timestamp,
) -> Result<Recorded, RecordError> {
    let name = archive.suite(suite);
    let known = store.known(&name)?;
    let before = store.indexes(&name)?.unwrap_or_default();
    let after = contents(seen, &before);
    let (meeting, earlier) = match &known {
        None => (Meeting::First, first_comparison(store, archive, suite, first_look)?),
        // Another codename is another release under the same name, as when stable moves on: its
        // packages did not change, they are others.
        Some(known) if known.release.codename != seen.release.codename => {
            (Meeting::First, Earlier::NotCompared)
        }
        Some(known) => {
            let old = SuiteState::of(&contents_before(seen, &before, &after));
            (Meeting::Again(known.release.date), Earlier::Look(old))
        }
    };
    let new = SuiteState::of(&after);
    let diff = earlier.compare(&new);

    let publication = Publication {
        repo: &archive.name,
        url: &archive.url,
        suite,
        codename: seen.release.codename.as_deref().unwrap_or(suite),
        date: seen.release.date,
        seen: now,
    };
    let events = announcer.announce(&publication, &diff, meeting.summary(seen, &diff))?;
    store.advance(&name, seen, &events)?;
    Ok(Recorded {
        first: matches!(meeting, Meeting::First),
        counts: diff.counts(),
        events: events.len(),
    })
}

/// Whether the suite was met before, and then when it was published.
#[derive(Debug, Clone, Copy)]
enum Meeting {
    First,
    Again(Timestamp),
}

impl Meeting {
    /// A `Release` that was only signed again is no publication.
    fn summary(self, seen: &Seen, diff: &Diff<'_>) -> Summary {
        match self {
            Self::Again(date) if seen.release.date > date => Summary::Told,
            // A first look that tells of packages tells of them as this publication's.
            _ if !diff.changes.is_empty() => Summary::Told,
            Self::First | Self::Again(_) => Summary::NotTold,
        }
    }
}

/// What the new state is compared with.
enum Earlier {
    /// Nothing: it is kept, and nothing is told.
    NotCompared,
    /// The state at the last look.
    Look(SuiteState),
    /// Another suite, over which this one lies.
    Baseline(SuiteState),
}

impl Earlier {
    fn compare<'a>(&'a self, new: &'a SuiteState) -> Diff<'a> {
        match self {
            Self::NotCompared => Diff::default(),
            Self::Look(old) => diff(old, new),
            Self::Baseline(base) => beyond(base, new),
        }
    }
}

fn first_comparison(
    store: &Store,
    archive: &Archive,
    suite: &str,
    first_look: FirstLook,
) -> Result<Earlier, RecordError> {
    match (archive.baseline_of(suite), first_look) {
        (Some(baseline), _) => {
            let base = store.indexes(&baseline)?.ok_or(RecordError::NoBaseline(baseline))?;
            let entries = base.iter().filter_map(|(name, entries)| Some((name, entries.as_ref()?)));
            Ok(Earlier::Baseline(SuiteState::of(&entries.collect())))
        }
        (None, FirstLook::Emitted) => Ok(Earlier::Look(SuiteState::default())),
        (None, FirstLook::Quiet) => Ok(Earlier::NotCompared),
    }
}

/// What the suite's indexes hold now.
fn contents<'a>(seen: &'a Seen, before: &'a Indexes) -> Contents<'a> {
    let entries = |(name, index): (&'a IndexName, &'a SeenIndex)| match index {
        SeenIndex::Absent => None,
        SeenIndex::Read(_, entries) => Some((name, entries)),
        SeenIndex::Same(_) => Some((name, before.get(name)?.as_ref()?)),
    };
    seen.indexes.iter().filter_map(entries).collect()
}

/// What the indexes that are watched now held at the last look. Those that are watched for the
/// first time count as known: somebody who adds an architecture to the configuration has published
/// nothing.
fn contents_before<'a>(seen: &'a Seen, before: &'a Indexes, after: &Contents<'a>) -> Contents<'a> {
    let entries = |name: &'a IndexName| match before.get(name) {
        Some(entries) => entries.as_ref().map(|entries| (name, entries)),
        None => after.get_key_value(name).map(|(name, entries)| (*name, *entries)),
    };
    seen.indexes.keys().filter_map(entries).collect()
}
