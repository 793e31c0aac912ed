//! Where the relay is.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use laniakea_wire::{
    Context,
    curve::{CurveKey, Security},
    replay::ReplayClient,
};

use crate::{failure::usage, when::parse_duration};

/// Where sources submit, unless something else is said.
pub(crate) const SUBMIT: &str = "tcp://127.0.0.1:5571";
/// Where consumers subscribe.
pub(crate) const PUBLISH: &str = "tcp://127.0.0.1:5572";
/// Where consumers catch up.
pub(crate) const REPLAY: &str = "tcp://127.0.0.1:5573";

/// The two endpoints of a consumer that follows the stream.
#[derive(Debug, Args)]
pub(crate) struct StreamEndpoints {
    #[arg(
        long,
        value_name = "ENDPOINT",
        env = "LK_PUBLISH",
        hide_env_values = true,
        help = format!("The relay's publish endpoint [default: {PUBLISH}]")
    )]
    from: Option<String>,
    #[arg(
        long,
        value_name = "ENDPOINT",
        env = "LK_REPLAY",
        hide_env_values = true,
        help = format!(
            "The relay's replay endpoint [default: {REPLAY}, or port 5573 where --from is given \
             and its port is 5572]"
        )
    )]
    replay: Option<String>,
    #[command(flatten)]
    pub(crate) encryption: Encryption,
}

/// How a consumer connects to encrypted endpoints.
#[derive(Debug, Args, Default)]
pub(crate) struct Encryption {
    /// The endpoints are encrypted: the relay's public key file, which holds its CURVE key.
    #[arg(long, value_name = "FILE", env = "LK_SERVER_KEY", hide_env_values = true)]
    server_key: Option<PathBuf>,
    /// The secret key file whose CURVE key the relay lets in, for encrypted endpoints.
    #[arg(long, value_name = "FILE", env = "LK_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
}

impl Encryption {
    /// How to connect.
    ///
    /// # Errors
    ///
    /// A file cannot be used, or the relay could not know who connects.
    pub(crate) fn security(&self) -> anyhow::Result<Security> {
        let Some(server) = &self.server_key else { return Ok(Security::Plain) };
        let Some(own) = &self.key else {
            return Err(usage(anyhow::anyhow!(
                "encrypted endpoints let known keys in: give --key beside --server-key"
            )));
        };
        Ok(Security::with_key_file(CurveKey::load(server)?, own)?)
    }
}

impl StreamEndpoints {
    /// Where events are published.
    pub(crate) fn publish(&self) -> &str {
        self.from.as_deref().unwrap_or(PUBLISH)
    }

    /// Where they can be read again; `None` if nobody said and it cannot be told.
    pub(crate) fn replay(&self) -> Option<String> {
        match (&self.replay, &self.from) {
            (Some(replay), _) => Some(replay.clone()),
            (None, None) => Some(REPLAY.to_owned()),
            (None, Some(from)) => from.strip_suffix(":5572").map(|host| format!("{host}:5573")),
        }
    }
}

/// The replay endpoint of a command that asks once.
#[derive(Debug, Args)]
pub(crate) struct ReplayEndpoint {
    /// The relay's replay endpoint.
    #[arg(
        long = "replay",
        value_name = "ENDPOINT",
        env = "LK_REPLAY",
        hide_env_values = true,
        default_value = REPLAY
    )]
    endpoint: String,
    /// How long to wait for each answer.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    encryption: Encryption,
}

impl ReplayEndpoint {
    /// Connects; a relay that is down is noticed by the first request.
    ///
    /// # Errors
    ///
    /// The endpoint or a key file cannot be used.
    pub(crate) fn connect(&self) -> anyhow::Result<ReplayClient> {
        let security = self.encryption.security()?;
        Ok(ReplayClient::connect(&Context::new(), &self.endpoint, &security, self.timeout)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(from: Option<&str>, replay: Option<&str>) -> Option<String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let encryption = Encryption::default();
        StreamEndpoints { from: owned(from), replay: owned(replay), encryption }.replay()
    }

    #[test]
    fn the_replay_endpoint_is_derived_only_where_the_ports_are_the_usual_ones() {
        assert_eq!(replay(None, None).as_deref(), Some(REPLAY));
        assert_eq!(
            replay(Some("tcp://relay.example.org:5572"), None).as_deref(),
            Some("tcp://relay.example.org:5573")
        );
        for from in
            ["tcp://relay.example.org:15572", "tcp://relay.example.org:6572", "ipc:///run/x"]
        {
            assert_eq!(replay(Some(from), None), None, "{from}");
        }
        assert_eq!(replay(Some("ipc:///a"), Some("ipc:///b")).as_deref(), Some("ipc:///b"));
        assert_eq!(replay(None, Some("ipc:///b")).as_deref(), Some("ipc:///b"));
    }
}
