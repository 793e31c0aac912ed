//! `[identity]`

use std::path::PathBuf;

use serde::Deserialize;

/// Who this relay is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityConfig {
    /// The secret key file; the relay's name is the `id` inside it.
    pub(crate) key_file: PathBuf,
}
