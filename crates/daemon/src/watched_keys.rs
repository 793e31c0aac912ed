//! The directory of trusted keys, read again when it changes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use laniakea_event::{
    SignerId,
    keys::{KeyDirectory, Keyring},
};

use crate::{TrustError, load_directory};

/// The directory of trusted keys.
#[derive(Debug)]
pub struct WatchedKeys {
    path: PathBuf,
    directory: KeyDirectory,
    fingerprint: Fingerprint,
}

impl WatchedKeys {
    /// Reads the directory at a start: any file that cannot be used is an error.
    pub fn load(path: &Path) -> Result<Self, TrustError> {
        let fingerprint = Fingerprint::of(path);
        Ok(Self { path: path.to_owned(), directory: load_directory(path)?, fingerprint })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys as they were read last.
    pub fn keyring(&self) -> Keyring {
        self.directory.keyring()
    }

    /// Who may connect at this time: public CURVE keys in Z85, and whose they are. Changes with
    /// the files and with the time.
    pub fn curve_keys(&self, now: Timestamp) -> BTreeMap<String, SignerId> {
        self.directory.curve_keys(now)
    }

    /// Whether the files changed since they were read.
    pub fn have_changed(&self) -> bool {
        Fingerprint::of(&self.path) != self.fingerprint
    }

    /// Reads the directory again. A file that is gone is no longer trusted; one that became
    /// unreadable or damaged keeps its last good key, loudly.
    ///
    /// # Errors
    ///
    /// The directory cannot be read; the keys stay as they were.
    pub fn reload(&mut self) -> Result<(), TrustError> {
        // Taken before reading: what changes meanwhile is seen next time.
        self.fingerprint = Fingerprint::of(&self.path);
        let directory = self
            .directory
            .reload()
            .map_err(|source| TrustError::Directory { path: self.path.clone(), source })?;
        for problem in directory.problems() {
            tracing::error!(problem = %problem, "a key file needs attention");
        }
        self.directory = directory;
        Ok(())
    }
}

/// What can be seen of a directory without reading its files.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint(BTreeMap<PathBuf, Option<(u64, u64, Option<SystemTime>)>>);

impl Fingerprint {
    /// An unreadable directory looks like an empty one; reading it will say what is wrong.
    fn of(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let files = entries.map(|entry| {
            let state = fs::metadata(entry.path()).ok();
            (entry.path(), state.map(|state| (state.ino(), state.len(), state.modified().ok())))
        });
        Self(files.collect())
    }
}

#[cfg(test)]
mod tests;
