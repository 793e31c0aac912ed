//! The secret that signs what is sent.

use std::{
    env,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A longer key is hashed first, so more would say no more.
const MAX_BYTES: u64 = 4096;
/// What is shorter can be guessed.
const MIN_BYTES: usize = 16;

/// Where the secret is: a file that nobody else can read, or a credential of systemd's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretFile(PathBuf);

/// The secret cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// It would be looked for in places that depend on where keeper was started.
    #[error("secret_file {path:?} is not an absolute path")]
    Relative {
        /// As it stands in the rule.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("could not read the secret {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others can read it.
    #[error("{} can be read by others (mode {mode:04o}): chmod 0600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no secret.
    #[error("the secret {} has {length} bytes: {MIN_BYTES} to {MAX_BYTES} are needed", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// So many bytes.
        length: usize,
    },
}

impl SecretFile {
    pub(super) fn new(path: &Path) -> Result<Self, InvalidSecret> {
        if !path.is_absolute() {
            return Err(InvalidSecret::Relative { path: path.to_owned() });
        }
        Ok(Self(path.to_owned()))
    }

    /// Reads it; each time, so that a new one counts at once. A line break at the end is not part
    /// of it.
    pub(super) fn read(&self) -> Result<Vec<u8>, InvalidSecret> {
        let path = self.0.clone();
        let mut bytes = Vec::new();
        let mode = laniakea_files::open(&path).and_then(|mut file| {
            file.by_ref().take(MAX_BYTES + 3).read_to_end(&mut bytes)?;
            Ok(file.metadata()?.permissions().mode() & 0o7777)
        });
        let mode = mode.map_err(|source| InvalidSecret::Read { path: path.clone(), source })?;
        if mode & 0o077 != 0 && !is_credential(&path) {
            return Err(InvalidSecret::Exposed { path, mode });
        }
        while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
            bytes.pop();
        }
        let length = bytes.len();
        if length < MIN_BYTES || length as u64 > MAX_BYTES {
            return Err(InvalidSecret::Length { path, length });
        }
        Ok(bytes)
    }
}

/// systemd guards its own, whatever their mode.
fn is_credential(path: &Path) -> bool {
    let directory = env::var_os("CREDENTIALS_DIRECTORY");
    directory.is_some_and(|directory| !directory.is_empty() && path.starts_with(directory))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_is_for_keeper_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let secret = SecretFile::new(&path).unwrap();
        assert!(secret.read().unwrap_err().to_string().contains("could not read"));
        fs::write(&path, "0123456789abcdef\n").unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(secret.read().is_ok(), good, "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secret.read().unwrap(), b"0123456789abcdef");
        for text in ["", "short\n"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(secret.read(), Err(InvalidSecret::Length { .. })), "{text}");
        }
        fs::write(&path, "x".repeat(1 << 16)).unwrap();
        assert!(matches!(secret.read(), Err(InvalidSecret::Length { .. })));
    }

    #[test]
    fn a_path_is_absolute() {
        assert!(SecretFile::new(Path::new("/etc/x")).is_ok());
        for path in ["hook", "a/b", "../x", ""] {
            assert!(SecretFile::new(Path::new(path)).is_err(), "{path:?}");
        }
    }
}
