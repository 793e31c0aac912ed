//! Where the relay is.

use std::time::Duration;

use clap::Args;

use crate::when::parse_duration;

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
    pub(crate) endpoint: String,
    /// How long to wait for each answer.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(from: Option<&str>, replay: Option<&str>) -> Option<String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        StreamEndpoints { from: owned(from), replay: owned(replay) }.replay()
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
