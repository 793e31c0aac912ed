//! Files that nobody else may read.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Far more than any secret is long.
const MAX_BYTES: u64 = 64 * 1024;

/// A secret cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// The file cannot be read.
    #[error("could not read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("could not write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others could read it.
    #[error("{} can be read by group or others (mode {mode:04o}): chmod 600 it", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Reads a secret; `None` if there is no such file. One that others can read is refused, unless it
/// is a credential, which systemd guards.
///
/// # Errors
///
/// It is there and cannot be used.
pub fn read_secret(path: &Path) -> Result<Option<String>, SecretFileError> {
    let failed = |source| SecretFileError::Read { path: path.to_owned(), source };
    let file = match laniakea_files::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 && !is_credential(path) {
        return Err(SecretFileError::Exposed { path: path.to_owned(), mode });
    }
    let bytes = laniakea_files::read_at_most(file, MAX_BYTES).map_err(failed)?;
    String::from_utf8(bytes).map(Some).map_err(|_| damaged(path, "it is not UTF-8"))
}

/// Writes a secret so that a crash leaves the old one or the new one, and nobody else can read it.
///
/// # Errors
///
/// The directory cannot be written to.
pub fn write_secret(path: &Path, text: &str) -> Result<(), SecretFileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let write = || {
        // Its mode would stay if a crash had left one.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let mut file = laniakea_files::open_with(options, &new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| SecretFileError::Write { path: path.to_owned(), source })
}

pub(super) fn damaged(path: &Path, problem: &str) -> SecretFileError {
    SecretFileError::Damaged { path: path.to_owned(), problem: problem.to_owned() }
}

fn is_credential(path: &Path) -> bool {
    env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|directory| !directory.is_empty() && path.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_written_for_its_owner_alone_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        assert!(read_secret(&path).unwrap().is_none());
        write_secret(&path, "one").unwrap();
        write_secret(&path, "two").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_secret(&path).unwrap().as_deref(), Some("two"));
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        write_secret(&path, "x").unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read_secret(&path), Err(SecretFileError::Exposed { .. })), "{mode:o}");
        }
    }
}
