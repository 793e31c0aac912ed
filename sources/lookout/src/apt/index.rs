//! What a `Sources` or `Packages` index says, reduced to what events tell.
//!
//! An index is read as it streams in, before its hash is known: nothing here trusts it, and the
//! caller drops the entries of an index whose hash turns out wrong.

use std::{
    fmt,
    io::{self, BufRead},
};

use deb822_fast::borrowed::{BorrowedParagraph, BorrowedParser};

use super::{
    paragraph::Paragraphs,
    text::{Text, Texts},
    version::Version,
};

/// Ten times what the largest archive holds for one architecture.
const MAX_ENTRIES: usize = 1_000_000;
const MAX_NAME_BYTES: usize = 200;
const MAX_TEXT_BYTES: usize = 500;

/// Which index of a suite.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexName {
    /// The component, as in `sources.list`.
    pub component: String,
    /// Source packages, or the binary packages of one architecture.
    pub kind: IndexKind,
}

/// What an index lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexKind {
    /// `Sources`.
    Sources,
    /// `Packages` of this architecture, with the packages of architecture `all` in it.
    Packages(String),
}

impl IndexName {
    /// The index of `component` for what configuration calls an architecture, `source` included.
    pub fn new(component: &str, architecture: &str) -> Self {
        let kind = match architecture {
            "source" => IndexKind::Sources,
            other => IndexKind::Packages(other.to_owned()),
        };
        Self { component: component.to_owned(), kind }
    }

    /// The inverse of [`Self::new`]'s second argument.
    pub fn architecture(&self) -> &str {
        match &self.kind {
            IndexKind::Sources => "source",
            IndexKind::Packages(architecture) => architecture,
        }
    }
}

impl fmt::Display for IndexName {
    /// The path below the suite's directory, without an extension.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            IndexKind::Sources => write!(formatter, "{}/source/Sources", self.component),
            IndexKind::Packages(architecture) => {
                write!(formatter, "{}/binary-{architecture}/Packages", self.component)
            }
        }
    }
}

/// What an index lists, without the paragraphs that make no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The packages.
    pub entries: Entries,
    /// How many paragraphs were left out: no name, or a name or version that Debian's tools would
    /// refuse.
    pub left_out: usize,
}

/// The entries of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entries {
    /// Of a `Sources` index.
    Sources(Vec<SourceEntry>),
    /// Of a `Packages` index.
    Packages(Vec<BinaryEntry>),
}

/// A source package that the suite offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Its name.
    pub name: Text,
    /// Its version.
    pub version: Version,
    /// What else is told of it.
    pub about: About,
}

/// A binary package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryEntry {
    /// Its name.
    pub name: Text,
    /// Its version.
    pub version: Version,
    /// The architecture, or `all`.
    pub architecture: Text,
    /// The source package that it was built from.
    pub source: Text,
    /// That source package's version.
    pub source_version: Version,
    /// What else is told of it.
    pub about: About,
}

/// Fields that are passed on and never compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// `Maintainer`.
    pub maintainer: Option<Text>,
    /// `Section`.
    pub section: Option<Text>,
}

impl Index {
    /// Reads an index to its end.
    ///
    /// # Errors
    ///
    /// What the reader says; `InvalidData` where the file is no control file or has no end.
    pub fn read(kind: &IndexKind, reader: impl BufRead) -> io::Result<Self> {
        let mut texts = Texts::default();
        match kind {
            IndexKind::Sources => {
                let (entries, left_out) = read_all(reader, |fields| source(&mut texts, fields))?;
                Ok(Self { entries: Entries::Sources(entries), left_out })
            }
            IndexKind::Packages(_) => {
                let (entries, left_out) = read_all(reader, |fields| binary(&mut texts, fields))?;
                Ok(Self { entries: Entries::Packages(entries), left_out })
            }
        }
    }
}

/// What a paragraph turned out to be.
enum Reading<T> {
    Entry(T),
    /// Of no interest, as it should be.
    Passed,
    Nonsense,
}

fn read_all<T>(
    reader: impl BufRead,
    mut read: impl FnMut(&BorrowedParagraph<'_>) -> Reading<T>,
) -> io::Result<(Vec<T>, usize)> {
    let mut paragraphs = Paragraphs::new(reader);
    let mut entries = Vec::new();
    let mut left_out = 0;
    while let Some(text) = paragraphs.read_next()? {
        for fields in BorrowedParser::new(&text).parse_all().map_err(invalid)? {
            match read(&fields) {
                Reading::Entry(_) if entries.len() == MAX_ENTRIES => {
                    return Err(invalid("the index has too many entries"));
                }
                Reading::Entry(entry) => entries.push(entry),
                Reading::Passed => {}
                Reading::Nonsense => left_out += 1,
            }
        }
    }
    Ok((entries, left_out))
}

fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}

fn source(texts: &mut Texts, fields: &BorrowedParagraph<'_>) -> Reading<SourceEntry> {
    // Kept for the binaries of other packages that were built with it; not offered any more.
    if fields.get_single("Extra-Source-Only") == Some("yes") {
        return Reading::Passed;
    }
    entry_or_nonsense(|| {
        let name = package_name(fields.get_single("Package")?)?;
        let version = Version::parse(fields.get_single("Version")?)?;
        Some(SourceEntry { name: texts.keep(name), version, about: about(texts, fields) })
    })
}

fn binary(texts: &mut Texts, fields: &BorrowedParagraph<'_>) -> Reading<BinaryEntry> {
    entry_or_nonsense(|| {
        let name = texts.keep(package_name(fields.get_single("Package")?)?);
        let version = Version::parse(fields.get_single("Version")?)?;
        let architecture = texts.keep(package_name(fields.get_single("Architecture")?)?);
        let (source, source_version) = match fields.get_single("Source").map(source_field) {
            None => (name.clone(), version.clone()),
            Some((source, None)) => (texts.keep(package_name(source)?), version.clone()),
            Some((source, Some(other))) => {
                (texts.keep(package_name(source)?), Version::parse(other)?)
            }
        };
        let about = about(texts, fields);
        Some(BinaryEntry { name, version, architecture, source, source_version, about })
    })
}

fn about(texts: &mut Texts, fields: &BorrowedParagraph<'_>) -> About {
    let mut text = |name| {
        let value: &str = fields.get_single(name)?;
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        let value = &value[..value.floor_char_boundary(MAX_TEXT_BYTES)];
        (!value.is_empty()).then(|| texts.keep(value))
    };
    About { maintainer: text("Maintainer"), section: text("Section") }
}

fn entry_or_nonsense<T>(entry: impl FnOnce() -> Option<T>) -> Reading<T> {
    entry().map_or(Reading::Nonsense, Reading::Entry)
}

/// Splits `Source: name (version)`.
fn source_field(value: &str) -> (&str, Option<&str>) {
    match value.split_once('(') {
        Some((name, rest)) => (name.trim_end(), Some(rest.trim_end().trim_end_matches(')').trim())),
        None => (value, None),
    }
}

/// A name as dpkg takes it; other archives also write capitals, `_` and `~`.
fn package_name(name: &str) -> Option<&str> {
    let taken = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~".contains(&byte);
    let begins = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    (begins && name.len() <= MAX_NAME_BYTES && name.bytes().all(taken)).then_some(name)
}

#[cfg(test)]
mod tests;
