//! Where the relay is.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use laniakea_wire::{
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

/// The endpoints of a consumer that follows one relay or several.
#[derive(Debug, Args)]
pub(crate) struct RelayEndpoints {
    #[arg(
        long,
        value_name = "ENDPOINT",
        env = "LK_PUBLISH",
        hide_env_values = true,
        help = format!(
            "The relay's publish endpoint [default: {PUBLISH}]. Given several times: that many \
             relays which carry the same events; each event is shown once"
        )
    )]
    from: Vec<String>,
    #[arg(
        long,
        value_name = "ENDPOINT",
        env = "LK_REPLAY",
        hide_env_values = true,
        help = format!(
            "The relay's replay endpoint [default: {REPLAY}, or port 5573 where --from is given \
             and its port is 5572]. One for each --from, in the same order, or none"
        )
    )]
    replay: Vec<String>,
    #[command(flatten)]
    pub(crate) encryption: Encryption,
}

/// Where one relay is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelayAt {
    pub(crate) publish: String,
    /// `None` if nobody said and it cannot be told.
    pub(crate) replay: Option<String>,
}

impl RelayEndpoints {
    /// Where each relay is; there is at least one.
    ///
    /// # Errors
    ///
    /// One stands twice, or it cannot be told which replay endpoint belongs to which relay.
    pub(crate) fn relays(&self) -> anyhow::Result<Vec<RelayAt>> {
        let Self { from, replay, .. } = self;
        if from.is_empty() {
            let publish = PUBLISH.to_owned();
            return match &replay[..] {
                [] => Ok(vec![RelayAt { publish, replay: Some(REPLAY.to_owned()) }]),
                [replay] => Ok(vec![RelayAt { publish, replay: Some(replay.clone()) }]),
                _ => Err(usage(anyhow::anyhow!("give --from as often as --replay"))),
            };
        }
        if !replay.is_empty() && replay.len() != from.len() {
            return Err(usage(anyhow::anyhow!(
                "give --replay once for each --from, in the same order, or not at all"
            )));
        }
        let mut relays: Vec<RelayAt> = Vec::new();
        for (number, publish) in from.iter().enumerate() {
            if relays.iter().any(|known| known.publish == *publish) {
                return Err(usage(anyhow::anyhow!("--from {publish} is given twice")));
            }
            let replay = replay.get(number).cloned().or_else(|| replay_beside(publish));
            relays.push(RelayAt { publish: publish.clone(), replay });
        }
        Ok(relays)
    }
}

/// The replay endpoint of a relay with the usual ports.
fn replay_beside(publish: &str) -> Option<String> {
    publish.strip_suffix(":5572").map(|host| format!("{host}:5573"))
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
            (None, Some(from)) => replay_beside(from),
        }
    }
}

/// The submit endpoint of a command that sends.
#[derive(Debug, Args)]
pub(crate) struct SubmitEndpoint {
    /// The relay's submit endpoint.
    #[arg(
        long,
        value_name = "ENDPOINT",
        env = "LK_SUBMIT",
        hide_env_values = true,
        default_value = SUBMIT
    )]
    pub(crate) to: String,
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
        Ok(ReplayClient::connect(&self.endpoint, &security, self.timeout)?)
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

    fn relays(from: &[&str], replay: &[&str]) -> Result<Vec<(String, Option<String>)>, String> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let (from, replay) = (owned(from), owned(replay));
        let endpoints = RelayEndpoints { from, replay, encryption: Encryption::default() };
        let relays = endpoints.relays().map_err(|error| error.to_string())?;
        Ok(relays.into_iter().map(|at| (at.publish, at.replay)).collect())
    }

    #[test]
    fn each_relay_has_its_own_replay_endpoint() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(relays(&[], &[]).unwrap(), [(PUBLISH.to_owned(), some(REPLAY))]);
        assert_eq!(relays(&[], &["ipc:///r"]).unwrap(), [(PUBLISH.to_owned(), some("ipc:///r"))]);
        assert_eq!(
            relays(&["tcp://a:5572", "tcp://b:9"], &[]).unwrap(),
            [("tcp://a:5572".to_owned(), some("tcp://a:5573")), ("tcp://b:9".to_owned(), None)]
        );
        assert_eq!(
            relays(&["ipc:///a", "ipc:///b"], &["ipc:///ar", "ipc:///br"]).unwrap(),
            [
                ("ipc:///a".to_owned(), some("ipc:///ar")),
                ("ipc:///b".to_owned(), some("ipc:///br"))
            ]
        );
        for (from, replay, message) in [
            (&["tcp://a:5572", "tcp://b:5572"][..], &["tcp://a:5573"][..], "once for each --from"),
            (&[], &["ipc:///a", "ipc:///b"], "as often as --replay"),
            (&["ipc:///a", "ipc:///a"], &[], "--from ipc:///a is given twice"),
        ] {
            let error = relays(from, replay).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
