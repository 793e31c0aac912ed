//! `[matrix]`

use std::path::PathBuf;

use laniakea_filter::Glob;
use matrix_sdk::ruma::OwnedUserId;
use serde::Deserialize;

use super::InvalidConfig;

/// The account, and who may tell it what to do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatrixConfig {
    /// The address of the homeserver.
    pub homeserver: String,
    /// The account's MXID.
    pub user: OwnedUserId,
    /// Who may invite the bot and give it commands; nobody by default.
    #[serde(default)]
    pub allowed_users: Vec<Glob>,
    /// The file with the access token; `session.json` in the data directory by default.
    #[serde(default)]
    pub session_file: Option<PathBuf>,
    /// The file with the key of the encryption store; `store.key` in the data directory by default.
    #[serde(default)]
    pub store_key_file: Option<PathBuf>,
}

impl MatrixConfig {
    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        let address = self.homeserver.strip_prefix("https://");
        let address = address.or_else(|| self.homeserver.strip_prefix("http://"));
        if address.is_none_or(str::is_empty) {
            let problem = "it is no address: write https:// and the homeserver's name";
            return Err(InvalidConfig::new("matrix.homeserver", problem));
        }
        Ok(())
    }
}
