//! `[identity]`

use std::path::PathBuf;

use serde::Deserialize;

/// Who signs what keeper itself says and what rules emit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The secret key; the signer is the id in the file. Nobody else may be able to read it.
    pub key_file: PathBuf,
}
