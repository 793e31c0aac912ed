//! The directory of trusted keys, read again when it changes.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use laniakea_event::{
    SignerId,
    keys::{KeyDirectory, KeyFileError, KeyProblem, Keyring},
};

use crate::{TrustError, load_directory};

/// The directory of trusted keys.
#[derive(Debug)]
pub struct WatchedKeys {
    path: PathBuf,
    directory: KeyDirectory,
    /// `None`: what was read last is not what is there, so look again.
    fingerprint: Option<Fingerprint>,
}

impl WatchedKeys {
    /// Reads the directory at a start: any file that cannot be used is an error.
    pub fn load(path: &Path) -> Result<Self, TrustError> {
        let fingerprint = Some(Fingerprint::of(path));
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

    /// Whether the files changed since they were read, or could not be read then.
    pub fn have_changed(&self) -> bool {
        self.fingerprint.as_ref() != Some(&Fingerprint::of(&self.path))
    }

    /// Reads the directory again. A file that is gone is no longer trusted; one that became
    /// unreadable or damaged keeps its last good key, loudly.
    ///
    /// # Errors
    ///
    /// The directory cannot be read; the keys stay as they were.
    pub fn reload(&mut self) -> Result<(), TrustError> {
        // Taken before reading: what changes meanwhile is seen next time.
        let fingerprint = Fingerprint::of(&self.path);
        self.fingerprint = None;
        let directory = self
            .directory
            .reload()
            .map_err(|source| TrustError::Directory { path: self.path.clone(), source })?;
        for problem in directory.problems() {
            tracing::error!(problem = %problem, "a key file needs attention");
        }
        // What cannot be read now, perhaps for want of file descriptors, may hold a revocation.
        let is_unread = |problem: &KeyProblem| {
            matches!(problem, KeyProblem::Damaged { error: KeyFileError::Read { .. }, .. })
        };
        if !directory.problems().iter().any(is_unread) {
            self.fingerprint = Some(fingerprint);
        }
        self.directory = directory;
        Ok(())
    }
}

/// What can be seen of a directory without reading its files.
#[derive(Debug, PartialEq, Eq)]
struct Fingerprint(BTreeMap<PathBuf, Option<State>>);

/// A file's inode, length, and when its text and its state changed: the latter, which nobody can
/// set, also changes with the mode.
type State = (u64, u64, (i64, i64), (i64, i64));

impl Fingerprint {
    /// An unreadable directory looks like an empty one; reading it will say what is wrong.
    fn of(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let files = entries.map(|entry| {
            let state = fs::metadata(entry.path()).ok().map(|file| {
                let (modified, changed) =
                    ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
                (file.ino(), file.len(), modified, changed)
            });
            (entry.path(), state)
        });
        Self(files.collect())
    }
}

#[cfg(test)]
mod tests;
