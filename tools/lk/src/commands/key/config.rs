//! The parts of a daemon's configuration that are about keys.

use std::path::{Path, PathBuf};

use laniakea_daemon::{ConfigError, TrustConfig, load_config};
use serde::Deserialize;

/// Where the relay's configuration is, unless something else is said.
pub(super) const DEFAULT_CONFIG: &str = "/etc/laniakea/lighthouse.toml";

/// `[identity]`, `[trust]` and `[[upstream]]` of any daemon; the rest is its own business.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyConfig {
    pub(crate) identity: Option<Identity>,
    pub(crate) trust: TrustConfig,
    #[serde(default)]
    pub(crate) upstream: Vec<Upstream>,
}

/// A relay that a relay follows.
#[derive(Debug, Deserialize)]
pub(crate) struct Upstream {
    pub(crate) signer: String,
    /// For which ids its signature alone stands.
    #[serde(default)]
    pub(crate) emit: Vec<String>,
}

/// Who the daemon is.
#[derive(Debug, Deserialize)]
pub(crate) struct Identity {
    pub(crate) key_file: PathBuf,
}

impl KeyConfig {
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        load_config(path)
    }
}
