//! `[submit]`

use std::path::Path;

use laniakea_wire::curve::{CurveKey, Security, SecurityError};
use serde::Deserialize;

/// Where keeper's own events go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitConfig {
    /// The relay's submit endpoint, such as `tcp://127.0.0.1:5571`.
    pub endpoint: String,
    /// The endpoint is encrypted: the relay's CURVE key in Z85. The relay knows us by the CURVE
    /// key of `[identity]`.
    #[serde(default)]
    pub server_key: Option<CurveKey>,
}

impl SubmitConfig {
    /// How to connect, with this secret key file.
    ///
    /// # Errors
    ///
    /// The file has no CURVE keys, or cannot be used.
    pub fn security(&self, key_file: &Path) -> Result<Security, SecurityError> {
        match self.server_key {
            None => Ok(Security::Plain),
            Some(server) => Security::with_key_file(server, key_file),
        }
    }
}
