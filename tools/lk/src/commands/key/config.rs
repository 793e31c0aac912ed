//! The parts of a daemon's configuration that are about keys.

use std::path::{Path, PathBuf};

use laniakea_daemon::{ConfigError, TrustConfig, load_config};
use laniakea_event::{EmitRule, SignerId, Upstream};
use serde::Deserialize;

/// Where the relay's configuration is, unless something else is said.
pub(super) const DEFAULT_CONFIG: &str = "/etc/laniakea/lighthouse.toml";

/// `[identity]`, `[trust]` and `[[upstream]]` of any daemon; the rest is its own business.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyConfig {
    pub(crate) identity: Option<Identity>,
    pub(crate) trust: TrustConfig,
    #[serde(default)]
    pub(crate) upstream: Vec<UpstreamEntry>,
}

/// A relay that a relay follows.
#[derive(Debug, Deserialize)]
pub(crate) struct UpstreamEntry {
    signer: String,
    /// For which ids its signature alone stands.
    #[serde(default)]
    emit: Vec<String>,
}

impl UpstreamEntry {
    /// Whose word counts, and for what.
    ///
    /// # Errors
    ///
    /// The signer has no usable name, or a rule would allow something else than it says.
    pub(crate) fn read(&self) -> anyhow::Result<Upstream> {
        let emit = self.emit.iter().map(|rule| EmitRule::parse(rule)).collect::<Result<_, _>>()?;
        Ok(Upstream { signer: SignerId::parse(&self.signer)?, emit })
    }
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
