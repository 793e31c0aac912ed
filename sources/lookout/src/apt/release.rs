//! What a verified `Release` file says, and whether to believe it now.

use std::collections::{BTreeMap, BTreeSet};

use deb822_fast::borrowed::{BorrowedParagraph, BorrowedParser};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};

use super::{
    checksum::Checksum,
    index::{IndexKind, IndexName},
    unpack::Compression,
    verify::VerifiedRelease,
};

/// How far an archive's clock may be ahead of ours.
const MAX_FUTURE: SignedDuration = SignedDuration::from_hours(1);

/// A `Release` file.
#[derive(Debug, Clone)]
pub struct Release {
    /// `Suite`.
    pub suite: Option<String>,
    /// `Codename`.
    pub codename: Option<String>,
    /// When the archive wrote it.
    pub date: Timestamp,
    /// From when on it is not to be believed.
    pub valid_until: Option<Timestamp>,
    /// Whether indexes can be fetched by their hash.
    pub by_hash: bool,
    /// Whether packages of architecture `all` are in an index of their own.
    pub separate_all: bool,
    files: BTreeMap<String, Checksum>,
}

/// An index as a `Release` file offers it.
#[derive(Debug, Clone)]
pub struct OfferedIndex {
    /// Of the index once unpacked.
    pub plain: Option<Checksum>,
    /// The forms to fetch, the smallest first; not empty.
    pub forms: Vec<(Compression, Checksum)>,
}

impl OfferedIndex {
    /// Names the content: as long as it stays the same, there is nothing to fetch.
    pub fn identity(&self) -> [u8; 32] {
        self.plain.unwrap_or(self.forms[0].1).sha256
    }
}

/// What the watcher knows when it meets a `Release`.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The name that must be its suite or its codename.
    pub name: &'a str,
    /// The date of the last one that was believed.
    pub last: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
    /// Whether `Valid-Until`, and a `Date` that is still to come, matter.
    pub check_dates: bool,
}

/// A `Release` file that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// It is not what a `Release` file is.
    #[error("the Release file has no usable {0} field")]
    BadField(&'static str),
    /// It is of another suite.
    #[error("the Release file is of {found}, not of {expected}")]
    OtherSuite {
        /// The name that was asked for.
        expected: String,
        /// The names that it gives itself.
        found: String,
    },
    /// It has expired: the mirror is dead, or somebody holds us back.
    #[error("the Release file has expired ({0})")]
    Expired(Timestamp),
    /// It is older than the one before: an old one is being replayed.
    #[error("the Release file went back from {last} to {date}")]
    WentBack {
        /// What was believed last.
        last: Timestamp,
        /// What came now.
        date: Timestamp,
    },
    /// It is not written yet, or our clock is wrong.
    #[error("the Release file is from the future ({0})")]
    FromTheFuture(Timestamp),
}

impl Release {
    /// Reads a `Release` file.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::BadField`].
    pub fn parse(verified: &VerifiedRelease) -> Result<Self, ReleaseError> {
        let text = String::from_utf8_lossy(verified.text());
        let paragraphs = BorrowedParser::new(&text).parse_all().unwrap_or_default();
        let fields = paragraphs.first().ok_or(ReleaseError::BadField("Date"))?;
        let text = |name| fields.get_single(name).filter(|value| !value.is_empty());
        let holds = |name, word| text(name).is_some_and(|list| list.split(' ').any(|w| w == word));
        Ok(Self {
            suite: text("Suite").map(str::to_owned),
            codename: text("Codename").map(str::to_owned),
            date: date(fields, "Date")?.ok_or(ReleaseError::BadField("Date"))?,
            valid_until: date(fields, "Valid-Until")?,
            by_hash: text("Acquire-By-Hash") == Some("yes"),
            separate_all: holds("Architectures", "all")
                && !holds("No-Support-for-Architecture-all", "Packages"),
            files: files(fields)?,
        })
    }

    /// Decides whether to believe it now.
    ///
    /// # Errors
    ///
    /// See [`ReleaseError`].
    pub fn check(&self, expected: &Expectation<'_>) -> Result<(), ReleaseError> {
        let names: Vec<&str> =
            [&self.suite, &self.codename].into_iter().flatten().map(String::as_str).collect();
        // Some private archives name themselves not at all.
        if !names.is_empty() && !names.contains(&expected.name) {
            let found = names.join(" or ").escape_debug().to_string();
            return Err(ReleaseError::OtherSuite { expected: expected.name.to_owned(), found });
        }
        if let Some(last) = expected.last.filter(|last| self.date < *last) {
            return Err(ReleaseError::WentBack { last, date: self.date });
        }
        if expected.check_dates && self.date > expected.now + MAX_FUTURE {
            return Err(ReleaseError::FromTheFuture(self.date));
        }
        still_valid(self.valid_until, expected)
    }

    /// How an index is offered, if it is.
    pub fn index(&self, name: &IndexName) -> Option<OfferedIndex> {
        let path = name.to_string();
        let offered = |compression: Compression| {
            let checksum = self.files.get(&format!("{path}{}", compression.extension()))?;
            Some((compression, *checksum))
        };
        let forms: Vec<_> = Compression::OFFERED.into_iter().filter_map(offered).collect();
        let plain = self.files.get(&path).copied();
        (!forms.is_empty()).then_some(OfferedIndex { plain, forms })
    }

    /// The indexes to watch, given those that the configuration names.
    pub fn wanted(&self, named: impl Iterator<Item = IndexName>) -> BTreeSet<IndexName> {
        let mut wanted: BTreeSet<IndexName> = named.collect();
        if self.separate_all {
            let binaries = |name: &&IndexName| matches!(name.kind, IndexKind::Packages(_));
            let all = |name: &IndexName| IndexName::new(&name.component, "all");
            let implied: Vec<_> = wanted.iter().filter(binaries).map(all).collect();
            wanted.extend(implied);
        }
        wanted
    }
}

/// Checks `Valid-Until`. A mirror that answers "not modified" for ever is caught by this alone.
///
/// # Errors
///
/// [`ReleaseError::Expired`].
pub fn still_valid(
    valid_until: Option<Timestamp>,
    expected: &Expectation<'_>,
) -> Result<(), ReleaseError> {
    match valid_until {
        Some(end) if expected.check_dates && end < expected.now => Err(ReleaseError::Expired(end)),
        _ => Ok(()),
    }
}

fn date(
    fields: &BorrowedParagraph<'_>,
    name: &'static str,
) -> Result<Option<Timestamp>, ReleaseError> {
    let Some(text) = fields.get_single(name) else { return Ok(None) };
    // Debian writes `UTC`, which RFC 2822 spells `GMT`.
    let text = text.strip_suffix("UTC").map_or(text.to_owned(), |text| format!("{text}GMT"));
    let parser = DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(text).map(Some).map_err(|_| ReleaseError::BadField(name))
}

/// The `SHA256` field: a hash, a size and a path a line.
fn files(fields: &BorrowedParagraph<'_>) -> Result<BTreeMap<String, Checksum>, ReleaseError> {
    let lines = fields.get("SHA256").ok_or(ReleaseError::BadField("SHA256"))?;
    let mut files = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let mut file = || {
            let sha256 = Checksum::parse_hex(words.next()?)?;
            let size = words.next()?.parse().ok()?;
            Some((words.next()?.to_owned(), Checksum { size, sha256 }))
        };
        let (path, checksum) = file().ok_or(ReleaseError::BadField("SHA256"))?;
        files.insert(path, checksum);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
