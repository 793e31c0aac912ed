//! Who signs the events.

use std::path::PathBuf;

use serde::Deserialize;

/// `[identity]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The secret key; the signer is the id in the file. Nobody else may be able to read it.
    pub key_file: PathBuf,
}
