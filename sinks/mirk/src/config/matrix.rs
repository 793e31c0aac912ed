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
    /// No answer of the homeserver may be longer than this many MiB, nor all that come at the same
    /// time; 8 by default.
    #[serde(default = "default_max_answer_mib")]
    pub max_answer_mib: u16,
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
    /// How many bytes an answer of the homeserver may have.
    pub fn max_answer(&self) -> usize {
        usize::from(self.max_answer_mib) << 20
    }

    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        let address = self.homeserver.strip_prefix("https://");
        let address = address.or_else(|| self.homeserver.strip_prefix("http://"));
        if address.is_none_or(str::is_empty) {
            let problem = "it is no address: write https:// and the homeserver's name";
            return Err(InvalidConfig::new("matrix.homeserver", problem));
        }
        if self.max_answer_mib == 0 {
            return Err(InvalidConfig::new("matrix.max_answer_mib", "it must be at least 1"));
        }
        Ok(())
    }
}

fn default_max_answer_mib() -> u16 {
    8
}
