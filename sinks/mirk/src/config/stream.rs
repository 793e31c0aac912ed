//! `[stream]`

use std::path::PathBuf;

use laniakea_wire::subscription::Start;
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
    /// The database with the position; `mirk.sqlite` in the data directory by default.
    #[serde(default)]
    pub cursor: Option<PathBuf>,
    /// Where to begin without a position; with the next event by default.
    #[serde(default)]
    pub start: StartConfig,
    /// Not in this version.
    #[serde(default)]
    server_key: Option<String>,
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
    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        for (key, endpoint) in [("publish", &self.publish), ("replay", &self.replay)] {
            if !endpoint.starts_with("tcp://") && !endpoint.starts_with("ipc://") {
                let problem =
                    format!("{endpoint:?} is no endpoint such as \"tcp://127.0.0.1:5572\"");
                return Err(InvalidConfig::new(format!("stream.{key}"), problem));
            }
        }
        if self.server_key.is_some() {
            let problem = "encrypted endpoints (CURVE) are not in this version; remove it";
            return Err(InvalidConfig::new("stream.server_key", problem));
        }
        Ok(())
    }
}
