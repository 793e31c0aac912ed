//! The configuration file.

mod mail;
mod stream;

use std::path::{Path, PathBuf};

use laniakea_daemon::{Age, ConfigError, TrustConfig, load_config};
use serde::Deserialize;

pub use self::{
    mail::{MailServerConfig, TlsConfig},
    stream::{StartConfig, StreamConfig},
};

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
}

/// `[runs]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunsConfig {
    /// Runs of all rules at a time.
    pub concurrency: usize,
    /// How long runs that have ended are kept.
    pub retain: Age,
}

impl Default for RunsConfig {
    fn default() -> Self {
        Self { concurrency: 4, retain: Age::Limited(std::time::Duration::from_hours(90 * 24)) }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// The file is no configuration.
    #[error(transparent)]
    File(#[from] ConfigError),
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
        Ok(config)
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.stream.cursor.clone().unwrap_or_else(|| self.data_dir.join("keeper.sqlite"))
    }
}

#[cfg(test)]
mod tests;
