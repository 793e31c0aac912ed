//! `[stream]`

use std::path::PathBuf;

use laniakea_wire::{
    curve::{CurveKey, Security, SecurityError},
    subscription::Start,
};
use serde::Deserialize;

use super::InvalidConfig;

/// The relay, and where the position is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// The relay's publish endpoint.
    pub publish: String,
    /// The relay's replay endpoint.
    pub replay: String,
    /// The database with the position; `keeper.sqlite` in the data directory by default.
    #[serde(default)]
    pub cursor: Option<PathBuf>,
    /// Where to begin without a position; with the next event by default.
    #[serde(default)]
    pub start: StartConfig,
    /// The endpoints are encrypted: the relay's CURVE key in Z85.
    #[serde(default)]
    pub server_key: Option<CurveKey>,
    /// The secret key file whose CURVE key the relay lets in.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
}

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StartConfig(pub Start);

impl Default for StartConfig {
    fn default() -> Self {
        Self(Start::Now)
    }
}

impl TryFrom<String> for StartConfig {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let start = match text.as_str() {
            "now" => Start::Now,
            "beginning" => Start::After(laniakea_event::Seq::START),
            time if time.parse::<jiff::Timestamp>().is_ok() => Start::Since(text),
            _ => {
                return Err("write \"now\", \"beginning\" or a time such as \
                            \"2026-11-01T00:00:00Z\""
                    .to_owned());
            }
        };
        Ok(Self(start))
    }
}

impl StreamConfig {
    /// How to connect.
    ///
    /// # Errors
    ///
    /// The key file has no CURVE keys, or cannot be used.
    pub fn security(&self) -> Result<Security, SecurityError> {
        match (self.server_key, &self.key_file) {
            (Some(server), Some(own)) => Security::with_key_file(server, own),
            _ => Ok(Security::Plain),
        }
    }

    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        for (key, endpoint) in [("publish", &self.publish), ("replay", &self.replay)] {
            if !endpoint.starts_with("tcp://") && !endpoint.starts_with("ipc://") {
                let problem =
                    format!("{endpoint:?} is no endpoint such as \"tcp://127.0.0.1:5572\"");
                return Err(InvalidConfig::new(format!("stream.{key}"), problem));
            }
        }
        if self.server_key.is_some() != self.key_file.is_some() {
            let problem = "encrypted endpoints need both server_key and key_file: the relay's \
                           CURVE key, and the key file that the relay lets in";
            return Err(InvalidConfig::new("stream", problem));
        }
        Ok(())
    }
}
