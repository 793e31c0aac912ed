//! The sections of configuration files that say where a relay is.

use std::path::{Path, PathBuf};

use laniakea_event::{InvalidMoment, parse_moment};
use serde::Deserialize;

use crate::{
    curve::{CurveKey, Security, SecurityError},
    subscription::Start,
};

/// `[stream]` of a sink: the relay, and where the position is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// The relay's publish endpoint.
    pub publish: String,
    /// The relay's replay endpoint.
    pub replay: String,
    /// The database with the position; the sink's own in its data directory by default.
    #[serde(default)]
    pub cursor: Option<PathBuf>,
    /// Where to begin without a position; with the next event by default.
    #[serde(default)]
    pub start: Start,
    /// The endpoints are encrypted: the relay's CURVE key in Z85.
    #[serde(default)]
    pub server_key: Option<CurveKey>,
    /// The secret key file whose CURVE key the relay lets in.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
}

/// A `[stream]` section that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct InvalidStream {
    place: &'static str,
    problem: String,
}

impl StreamConfig {
    /// Checks what the format of the file cannot express.
    ///
    /// # Errors
    ///
    /// The first thing that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidStream> {
        for (place, endpoint) in
            [("stream.publish", &self.publish), ("stream.replay", &self.replay)]
        {
            if !endpoint.starts_with("tcp://") && !endpoint.starts_with("ipc://") {
                let problem =
                    format!("{endpoint:?} is no endpoint such as \"tcp://127.0.0.1:5572\"");
                return Err(InvalidStream { place, problem });
            }
        }
        if self.server_key.is_some() != self.key_file.is_some() {
            let problem = "encrypted endpoints need both server_key and key_file: the relay's \
                           CURVE key, and the key file that the relay lets in";
            return Err(InvalidStream { place: "stream", problem: problem.to_owned() });
        }
        Ok(())
    }

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
}

/// As a configuration writes it: `now`, `beginning` or a time.
impl TryFrom<String> for Start {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "now" => Ok(Self::Now),
            "beginning" => Ok(Self::After(laniakea_event::Seq::START)),
            time => match parse_moment(time) {
                Ok(_) => Ok(Self::Since(text)),
                Err(InvalidMoment::Form) => {
                    Err("write \"now\", \"beginning\" or a time such as \"2026-11-01T00:00:00Z\""
                        .to_owned())
                }
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

/// `[submit]` of a source: where its events go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubmitConfig {
    /// The relay's submit endpoint, such as `tcp://127.0.0.1:5571`.
    pub endpoint: String,
    /// The endpoint is encrypted: the relay's CURVE key in Z85, `public-key` in its key file. The
    /// relay knows us by the CURVE key of `[identity]`.
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

#[cfg(test)]
mod tests {
    use laniakea_event::Seq;

    use super::*;

    #[test]
    fn a_start_is_a_word_or_a_time() {
        let start = |text| Start::try_from(String::from(text));
        assert_eq!(start("now"), Ok(Start::default()));
        assert_eq!(start("beginning"), Ok(Start::After(Seq::START)));
        let time = "2026-11-01T00:00:00Z";
        assert_eq!(start(time), Ok(Start::Since(time.to_owned())));
        for text in ["", "Now", "yesterday", "2026-11-01"] {
            assert!(start(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_stream_that_cannot_be_followed_is_told_by_its_key() {
        let good = StreamConfig {
            publish: "tcp://127.0.0.1:5572".to_owned(),
            replay: "ipc:///run/lighthouse/replay".to_owned(),
            cursor: None,
            start: Start::Now,
            server_key: None,
            key_file: None,
        };
        assert_eq!(good.validate(), Ok(()));
        let elsewhere = || "127.0.0.1:5572".to_owned();
        for (bad, key) in [
            (StreamConfig { publish: elsewhere(), ..good.clone() }, "stream.publish: "),
            (StreamConfig { replay: elsewhere(), ..good.clone() }, "stream.replay: "),
            (StreamConfig { key_file: Some("/k".into()), ..good }, "stream: encrypted"),
        ] {
            let error = bad.validate().unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
    }
}
