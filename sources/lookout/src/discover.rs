//! Finds out which archive this machine itself lives on, to write a configuration that watches it.
//!
//! That archive is the one in APT's sources that calls itself by the distribution's name and has
//! its suite; beside it the suites that lie over that one, `-updates` and `-security`.

mod distribution;
mod keys;
mod write;

use std::{collections::BTreeSet, io, path::PathBuf};

use self::distribution::Distribution;
pub use self::{
    keys::Keys,
    write::{Destination, WriteError, write},
};
use crate::apt::{
    settings::AptSettings,
    sources::{AptSource, read_sources},
};

const OVERLAYS: [&str; 3] = ["-updates", "-security", "/updates"];

/// What there is to watch on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The archives, the one with the base suite first.
    pub archives: Vec<FoundArchive>,
    /// Where APT keeps its lists.
    pub lists_dir: Option<PathBuf>,
}

/// An archive to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundArchive {
    /// The name for events and logs.
    pub name: String,
    /// The address.
    pub url: String,
    /// The suites.
    pub suites: Vec<String>,
    /// The components.
    pub components: Vec<String>,
    /// The architectures, `source` included where APT downloads source indexes.
    pub architectures: Vec<String>,
    /// The keys that may sign it.
    pub keys: Keys,
    /// The suite to compare the others with, `ARCHIVE/SUITE`.
    pub baseline: String,
    /// Whether dates matter.
    pub check_dates: bool,
}

/// Nothing to watch was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// APT's configuration, its sources, or what the distribution says of itself.
    #[error("could not read {what}")]
    Unreadable {
        /// What was read.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// APT is not configured for the distribution's archive.
    #[error("APT's sources name no archive of {0}")]
    NoArchive(String),
    /// No keys for the archive.
    #[error("no keyring for {0} was found")]
    NoKeys(String),
}

/// Finds the archive of this machine's distribution.
///
/// # Errors
///
/// See [`DiscoverError`].
pub fn discover() -> Result<Found, DiscoverError> {
    let unreadable = |what| move |source| DiscoverError::Unreadable { what, source };
    let settings = AptSettings::of_this_machine().map_err(unreadable("APT's configuration"))?;
    let sources = read_sources(&settings).map_err(unreadable("APT's sources"))?;
    let distribution = Distribution::of_this_machine().map_err(unreadable("/etc/os-release"))?;
    let lists_dir = settings.path("Dir::State::lists").filter(|lists| lists.is_dir());
    find(&settings, &sources, &distribution, lists_dir)
}

fn find(
    settings: &AptSettings,
    sources: &[AptSource],
    distribution: &Distribution,
    lists_dir: Option<PathBuf>,
) -> Result<Found, DiscoverError> {
    let ours: Vec<&AptSource> =
        sources.iter().filter(|source| distribution.owns(source, lists_dir.as_deref())).collect();
    let base = ours.iter().find(|source| distribution.suites.contains(&source.suite));
    let base = base.ok_or_else(|| DiscoverError::NoArchive(distribution.id.clone()))?;

    let mut archives: Vec<FoundArchive> = Vec::new();
    for end in std::iter::once("").chain(OVERLAYS) {
        let suite = format!("{}{end}", base.suite);
        let of_suite = ours.iter().filter(|source| source.suite == suite);
        let Some(first) = of_suite.clone().next() else { continue };
        if let Some(archive) = archives.iter_mut().find(|archive| archive.url == first.uri) {
            archive.suites.push(suite);
            continue;
        }
        // Further addresses of a suite are mirrors of the first.
        let entries: Vec<_> = of_suite.filter(|source| source.uri == first.uri).collect();
        let keys = Keys::of(first, &distribution.id, settings);
        archives.push(FoundArchive {
            name: format!("{}{}", distribution.id, end.replace('/', "-")),
            url: first.uri.clone(),
            suites: vec![suite],
            components: union(entries.iter().map(|entry| &entry.components)),
            architectures: architectures(&entries, settings),
            keys: keys.ok_or_else(|| DiscoverError::NoKeys(first.uri.clone()))?,
            baseline: format!("{}/{}", distribution.id, base.suite),
            check_dates: checks_dates(&entries, settings),
        });
    }
    Ok(Found { archives, lists_dir })
}

fn architectures(entries: &[&&AptSource], settings: &AptSettings) -> Vec<String> {
    let native = settings.value("APT::Architecture").map(str::to_owned);
    let mut architectures = union(entries.iter().map(|entry| &entry.architectures));
    if architectures.is_empty() && entries.iter().any(|entry| !entry.is_source) {
        architectures.extend(native);
    }
    if entries.iter().any(|entry| entry.is_source) {
        architectures.push("source".to_owned());
    }
    architectures
}

/// Dates matter unless somebody told APT that they do not.
fn checks_dates(entries: &[&&AptSource], settings: &AptSettings) -> bool {
    let switched_off = ["Acquire::Check-Valid-Until", "Acquire::Check-Date"];
    let globally = switched_off.iter().any(|key| settings.is_off(key));
    !globally && !entries.iter().any(|entry| entry.ignores_valid_until)
}

/// The texts of all lists, each once.
fn union<'a>(lists: impl Iterator<Item = &'a Vec<String>>) -> Vec<String> {
    lists.flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests;
