//! Keeps two keepers from using one data directory.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

const LOCK: &str = "keeper.lock";

/// Held for as long as the directory is used.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

/// The directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The directory or its lock.
    #[error("could not use the data directory {}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another keeper is at work.
    #[error("another keeper is using {}", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
}

impl DataDirLock {
    /// Makes the directory if need be, for its owner alone, and locks it.
    ///
    /// # Errors
    ///
    /// See [`LockError`].
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::Directory { path: path.to_owned(), source };
        if !path.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        }
        let file = File::create(path.join(LOCK)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
