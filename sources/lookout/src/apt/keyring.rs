//! Keyrings as `gpgv` wants them: files of binary OpenPGP keys.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use data_encoding::BASE64;

/// Debian's largest is under 100 kB.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// A keyring that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Not there, or not for us to read.
    #[error("could not read the keyring {}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither binary keys nor an armoured block of them.
    #[error("the keyring {} holds no OpenPGP keys", path.display())]
    NoKeys {
        /// Which one.
        path: PathBuf,
    },
}

/// The absolute path of the keyring at `path` in binary form; an armoured one is unpacked into
/// `scratch` under the name `number`.
///
/// # Errors
///
/// See [`KeyringError`].
pub fn binary_keyring(path: &Path, scratch: &Path, number: usize) -> Result<PathBuf, KeyringError> {
    let unreadable = |source| KeyringError::Unreadable { path: path.to_owned(), source };
    let no_keys = || KeyringError::NoKeys { path: path.to_owned() };

    let bytes = laniakea_files::read(path, MAX_BYTES).map_err(unreadable)?;
    if is_binary(&bytes) {
        return path.canonicalize().map_err(unreadable);
    }
    let keys = unarmoured(&bytes).filter(|keys| is_binary(keys)).ok_or_else(no_keys)?;
    let unpacked = scratch.join(format!("keyring-{number}.gpg"));
    fs::write(&unpacked, keys).map_err(unreadable)?;
    Ok(unpacked)
}

/// Every OpenPGP packet begins with bit 7 set; GNU's key boxes have a magic word instead.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| byte & 0x80 != 0) || bytes.get(8..12) == Some(b"KBXf")
}

/// The keys of all armoured blocks, one after the other.
pub(super) fn unarmoured(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut lines = str::from_utf8(bytes).ok()?.lines().map(str::trim);
    let mut keys = Vec::new();
    while lines.by_ref().any(|line| line == BEGIN) {
        // Headers such as `Version:` end at an empty line.
        lines.by_ref().find(|line| line.is_empty())?;
        let mut body = String::new();
        loop {
            match lines.next()? {
                END => break,
                // The checksum, optional since RFC 9580; the signatures in the keys are what counts.
                line if line.starts_with('=') => {}
                line => body.push_str(line),
            }
        }
        keys.extend(BASE64.decode(body.as_bytes()).ok()?);
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armoured_blocks_are_unpacked_and_joined() {
        let block = |body| format!("{BEGIN}\nComment: x\n\n{body}\n=abcd\n{END}\n");
        let text = format!("a comment\n{}\n{}", block("mQ=="), block("mgE="));
        assert_eq!(unarmoured(text.as_bytes()), Some(vec![0x99, 0x9a, 0x01]));
    }

    #[test]
    fn files_without_keys_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("ring");
        let cut_off = format!("{BEGIN}\n\nmQ==\n");
        let no_base64 = format!("{BEGIN}\n\n<html>\n{END}\n");
        for text in ["", "hello\n", cut_off.as_str(), no_base64.as_str()] {
            fs::write(&path, text).unwrap();
            let result = binary_keyring(&path, scratch.path(), 0);
            assert!(matches!(result, Err(KeyringError::NoKeys { .. })), "{text:?}");
        }
        let result = binary_keyring(Path::new("/nonexistent"), scratch.path(), 0);
        assert!(matches!(result, Err(KeyringError::Unreadable { .. })));
    }
}
