//! New keys, and files that are never overwritten.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use laniakea_event::{
    KeyId, SignerId, SigningKey,
    keys::{CurveKeys, KeyFile, Metadata, Validity},
};

/// A key could not be made or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewKeyError {
    /// The system's random source failed.
    #[error("the system gave no random numbers")]
    Random(#[source] getrandom::Error),
    /// The file could not be written, or is there already.
    #[error("could not create {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Makes a key from the system's random source.
pub fn new_key(
    signer: SignerId,
    key_id: KeyId,
    metadata: Metadata,
    curve: Option<CurveKeys>,
) -> Result<KeyFile, NewKeyError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(NewKeyError::Random)?;
    let key = SigningKey::from_seed(signer.clone(), key_id.clone(), &seed);
    let verify_key = key.verifying_key();
    Ok(KeyFile {
        signer,
        key_id,
        metadata,
        curve,
        verify_key,
        signing_key: Some(key),
        validity: Validity::ALWAYS,
    })
}

/// Writes a file that must not be there yet, and removes it again if it cannot be written whole.
pub fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), NewKeyError> {
    let error = |source| NewKeyError::Create { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(mode);
    let mut file = laniakea_files::open_with(options, path).map_err(error)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|source| {
        drop(fs::remove_file(path));
        error(source)
    })
}
