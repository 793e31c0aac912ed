//! The configuration file.

mod identity;
mod mail;

use std::path::{Path, PathBuf};

use laniakea_daemon::{Age, ConfigError, TrustConfig, load_config};
use laniakea_event::{Dialect, keys::KeyFileError};
use laniakea_wire::config::{InvalidStream, StreamConfig, SubmitConfig};
use serde::Deserialize;

pub use self::{
    identity::IdentityConfig,
    mail::{MailServerConfig, TlsConfig},
};
use crate::herald::{Announce, Herald};

/// `keeper.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the ledger is kept.
    pub data_dir: PathBuf,
    /// The directory of rules.
    pub rules_dir: PathBuf,
    /// Whose events are believed.
    pub trust: TrustConfig,
    /// Where the events come from.
    pub stream: StreamConfig,
    /// How much at a time.
    #[serde(default)]
    pub runs: RunsConfig,
    /// How mails are sent; without it no rule may send any.
    #[serde(default)]
    pub mail: Option<MailServerConfig>,
    /// Who signs what keeper itself says; without it keeper says nothing and no rule can emit.
    #[serde(default)]
    pub identity: Option<IdentityConfig>,
    /// Where that goes.
    #[serde(default)]
    pub submit: Option<SubmitConfig>,
    /// Which member names keeper's own events are written with: `seed` (default), `laniakea` or
    /// `both`.
    #[serde(default)]
    pub dialect: Dialect,
}

/// `[runs]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunsConfig {
    /// Runs of all rules at a time.
    pub concurrency: usize,
    /// How long runs that have ended are kept.
    pub retain: Age,
    /// Of which runs keeper tells in events of its own, where it has an `[identity]`: `all`
    /// (default), `failures` or `none`.
    pub announce: Announce,
}

impl Default for RunsConfig {
    fn default() -> Self {
        Self {
            concurrency: 4,
            retain: Age::Limited(std::time::Duration::from_hours(90 * 24)),
            announce: Announce::All,
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// The file is no configuration.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// `[stream]`
    #[error(transparent)]
    Stream(#[from] InvalidStream),
    /// A value makes no sense.
    #[error("{place}: {problem}")]
    Value {
        /// The key.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl InvalidConfig {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Value { place: place.into(), problem: problem.into() }
    }
}

impl Config {
    /// Reads a configuration and checks what the format of the file cannot express.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, InvalidConfig> {
        let config: Self = load_config(path)?;
        config.stream.validate()?;
        config.mail.as_ref().map_or(Ok(()), MailServerConfig::validate)?;
        if config.runs.concurrency == 0 {
            return Err(InvalidConfig::new("runs.concurrency", "0 would mean never"));
        }
        if config.identity.is_some() != config.submit.is_some() {
            let problem = "events of keeper's own need both: a key in [identity] and an endpoint \
                           in [submit]";
            return Err(InvalidConfig::new("identity", problem));
        }
        Ok(config)
    }

    /// Who signs, if anybody does.
    ///
    /// # Errors
    ///
    /// The key cannot be used, or others can read it.
    pub fn herald(&self) -> Result<Option<Herald>, KeyFileError> {
        let identity = self.identity.as_ref();
        let load = |identity| Herald::load(identity, self.dialect, self.runs.announce);
        identity.map(load).transpose()
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.stream.cursor.clone().unwrap_or_else(|| self.data_dir.join("keeper.sqlite"))
    }
}

#[cfg(test)]
mod tests;
