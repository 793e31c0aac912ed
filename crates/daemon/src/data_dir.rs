//! Keeps two of a program from using one data directory.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

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
    /// Another one is at work.
    #[error("another {program} is using {}", path.display())]
    InUse {
        /// What uses it.
        program: &'static str,
        /// The directory.
        path: PathBuf,
    },
}

impl DataDirLock {
    /// Makes the directory if need be, for its owner alone, and locks it for this program.
    ///
    /// # Errors
    ///
    /// See [`LockError`].
    pub fn take(path: &Path, program: &'static str) -> Result<Self, LockError> {
        let failed = |source| LockError::Directory { path: path.to_owned(), source };
        if !path.is_dir() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        let file = laniakea_files::open_with(options, &path.join(format!("{program}.lock")));
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(LockError::InUse { program, path: path.to_owned() })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn one_of_each_program_uses_a_directory_that_nobody_else_may_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        let first = DataDirLock::take(&path, "mirk").unwrap();
        let error = DataDirLock::take(&path, "mirk").unwrap_err();
        assert_eq!(error.to_string(), format!("another mirk is using {}", path.display()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        DataDirLock::take(&path, "keeper").unwrap();
        drop(first);
        DataDirLock::take(&path, "mirk").unwrap();
        let file = path.join("mirk.lock");
        assert!(matches!(DataDirLock::take(&file, "mirk"), Err(LockError::Directory { .. })));
    }
}
