//! The configuration file, one section a file.

mod matrix;
mod messages;
mod quiet_hours;
mod room;
mod span;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use laniakea_daemon::{ConfigError, TrustConfig, load_config, reload_config};
use laniakea_wire::config::{InvalidStream, StreamConfig};
use serde::Deserialize;

pub use self::{
    matrix::MatrixConfig,
    messages::MessagesConfig,
    quiet_hours::QuietHours,
    room::{LimitsConfig, RoomConfig, RoomName, Untrusted},
    span::{Span, human_span},
};
use crate::describe::InvalidTemplate;

/// `mirk.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the session, the encryption store and the database are kept.
    pub data_dir: PathBuf,
    /// The account.
    pub matrix: MatrixConfig,
    /// Whose events are shown.
    pub trust: TrustConfig,
    /// Where the events come from.
    pub stream: StreamConfig,
    /// How they are told.
    #[serde(default)]
    pub messages: MessagesConfig,
    /// Where they go.
    #[serde(default, rename = "room")]
    pub rooms: Vec<RoomConfig>,
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
    /// A template of `[messages.templates]`.
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
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
        Self::validated(load_config(path)?)
    }

    /// Reads the configuration of a mirk that runs.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn reload(path: &Path) -> Result<Self, InvalidConfig> {
        Self::validated(reload_config(path)?)
    }

    fn validated(config: Self) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), InvalidConfig> {
        self.matrix.validate()?;
        self.stream.validate()?;
        self.messages.validate()?;
        let mut names = BTreeSet::new();
        for room in &self.rooms {
            room.validate()?;
            if !names.insert(&room.room) {
                let place = format!("room {}", room.room);
                return Err(InvalidConfig::new(place, "it has two tables; put the rules into one"));
            }
        }
        Ok(())
    }

    /// The room of this name.
    pub fn room(&self, name: &str) -> Option<&RoomConfig> {
        self.rooms.iter().find(|room| room.room.as_str() == name)
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.stream.cursor.clone().unwrap_or_else(|| self.data_dir.join("mirk.sqlite"))
    }

    /// The file with the access token.
    pub fn session_file(&self) -> PathBuf {
        self.matrix.session_file.clone().unwrap_or_else(|| self.data_dir.join("session.json"))
    }

    /// The file with the key of the encryption store.
    pub fn store_key_file(&self) -> PathBuf {
        self.matrix.store_key_file.clone().unwrap_or_else(|| self.data_dir.join("store.key"))
    }

    /// The directory of the encryption store.
    pub fn store_dir(&self) -> PathBuf {
        self.data_dir.join("matrix")
    }
}

#[cfg(test)]
mod tests;
