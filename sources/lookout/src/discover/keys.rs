//! Which keys may sign the distribution's archive.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::apt::{
    settings::AptSettings,
    sources::{AptSource, SignedBy},
};

/// Where distributions put their keyrings.
const KEYRINGS: &str = "/usr/share/keyrings";

/// The keys that may sign an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Those in these files.
    Files(Vec<PathBuf>),
    /// These, armoured; they stand in APT's sources and need a file of their own.
    Inline(String),
    /// None: APT trusts the archive as it is, and so may we.
    Trusted,
}

impl Keys {
    /// The keys for an archive of the distribution `id`: those that APT's source names; else the
    /// distribution's own keyring, which is narrower than all that APT trusts; else that.
    pub(super) fn of(source: &AptSource, id: &str, settings: &AptSettings) -> Option<Self> {
        match &source.signed_by {
            SignedBy::Keys(keys) => return Some(Self::Inline(keys.clone())),
            SignedBy::Files(files) if files.iter().all(|file| file.is_file()) => {
                return Some(Self::Files(files.clone()));
            }
            SignedBy::Files(_) | SignedBy::Fingerprints(_) | SignedBy::Anyone => {}
        }
        let own = |extension| Path::new(KEYRINGS).join(format!("{id}-archive-keyring.{extension}"));
        if let Some(own) = ["gpg", "pgp"].map(own).into_iter().find(|file| file.is_file()) {
            return Some(Self::Files(vec![own]));
        }
        let trusted = trusted_by_apt(settings);
        match (trusted.is_empty(), source.trusted) {
            (false, _) => Some(Self::Files(trusted)),
            (true, true) => Some(Self::Trusted),
            (true, false) => None,
        }
    }
}

/// The keyrings that APT trusts for every archive.
fn trusted_by_apt(settings: &AptSettings) -> Vec<PathBuf> {
    let single = settings.path("Dir::Etc::trusted").filter(|file| file.is_file());
    let parts = settings.path("Dir::Etc::trustedparts").and_then(|parts| fs::read_dir(parts).ok());
    let parts = parts.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let is_keyring = |file: &PathBuf| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("gpg" | "asc")) && file.is_file()
    };
    let mut files: Vec<PathBuf> = parts.filter(is_keyring).chain(single).collect();
    files.sort();
    files
}
