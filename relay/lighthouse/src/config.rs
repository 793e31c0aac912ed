//! `lighthouse.toml`, one section a file.

mod identity;
mod journal;
mod later;
mod limits;
mod socket;
mod upstream;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use laniakea_daemon::{TrustConfig, load_config};
use serde::Deserialize;

use self::later::HttpConfig;
pub(crate) use self::{
    identity::IdentityConfig,
    journal::JournalConfig,
    limits::LimitsConfig,
    socket::SocketConfig,
    upstream::{UpstreamConfig, UpstreamSettings},
};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the journal is kept.
    pub(crate) data_dir: PathBuf,
    /// Who this relay is.
    pub(crate) identity: IdentityConfig,
    /// Whom to trust, and for what.
    pub(crate) trust: TrustConfig,
    /// Where sources submit events.
    #[serde(default = "SocketConfig::submit")]
    pub(crate) submit: SocketConfig,
    /// Where sinks subscribe.
    #[serde(default = "SocketConfig::publish")]
    pub(crate) publish: SocketConfig,
    /// Where sinks catch up.
    #[serde(default = "SocketConfig::replay")]
    pub(crate) replay: SocketConfig,
    /// Where and how long events are kept.
    #[serde(default)]
    pub(crate) journal: JournalConfig,
    /// What is too much.
    #[serde(default)]
    pub(crate) limits: LimitsConfig,
    /// Relays that this one follows.
    #[serde(default)]
    pub(crate) upstream: Vec<UpstreamConfig>,
    #[serde(default)]
    http: Option<HttpConfig>,
}

/// Reads the file and checks it.
pub(crate) fn load(path: &Path) -> anyhow::Result<Config> {
    let config: Config = load_config(path)?;
    config.validate().with_context(|| format!("the configuration {} is wrong", path.display()))?;
    Ok(config)
}

impl Config {
    /// Checks what the types do not.
    pub(crate) fn validate(&self) -> anyhow::Result<()> {
        self.submit.validate("submit")?;
        self.publish.validate("publish")?;
        self.replay.validate("replay")?;
        self.journal.validate()?;
        self.limits.validate()?;
        ensure!(self.http.is_none(), "[http] is not available in this version; remove the section");
        self.upstreams()?;
        Ok(())
    }

    /// The relays that this one follows.
    pub(crate) fn upstreams(&self) -> anyhow::Result<Vec<UpstreamSettings>> {
        upstream::read_all(&self.upstream, &self.trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("../../../config/lighthouse.toml");

    #[test]
    fn the_sample_is_complete_and_states_the_defaults() {
        let sample: Config = toml::from_str(SAMPLE).unwrap();
        sample.validate().unwrap();
        let mut shortest: Config = toml::from_str(
            "data_dir = \"/var/lib/lighthouse\"\n[identity]\nkey_file = \"/etc/laniakea/keys/secret/relay.key_secret\"\n\
             [trust]\nkeys_dir = \"/etc/laniakea/keys/trusted\"\n",
        )
        .unwrap();
        shortest.trust = sample.trust.clone();
        assert_eq!(shortest, sample);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_errors_that_name_them() {
        for (from, to, message) in [
            ("retain = \"unlimited\"", "retian = \"1d\"", "unknown field `retian`"),
            ("retain = \"unlimited\"", "retain = \"400\"", "\"400\" is no duration"),
            ("backend = \"sqlite\"", "backend = \"nats\"", "unknown variant `nats`"),
            ("max_event_bytes = 1048576", "max_event_bytes = -1", "invalid value"),
        ] {
            let text = SAMPLE.replace(from, to);
            assert_ne!(text, SAMPLE, "{from}");
            let error = toml::from_str::<Config>(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        for (from, to, message) in [
            ("[\"tcp://127.0.0.1:5571\"]", "[]", "[submit] needs at least one endpoint"),
            ("max_event_bytes = 1048576", "max_event_bytes = 10", "max_event_bytes"),
            ("rate_per_signer = 2000", "rate_per_signer = 0", "rate_per_signer"),
            (
                "#max_connections_per_address = 250",
                "max_connections_per_address = 0",
                "max_connections_per_address",
            ),
            (
                "#max_connections_per_key = 250",
                "max_connections_per_key = 0",
                "max_connections_per_key",
            ),
            ("retain = \"unlimited\"", "retain = \"0s\"", "retain"),
        ] {
            let text = SAMPLE.replace(from, to);
            assert_ne!(text, SAMPLE, "{from}");
            let error =
                toml::from_str::<Config>(&text).unwrap().validate().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn what_this_version_cannot_do_is_refused_and_not_ignored() {
        let config: Config =
            toml::from_str(&format!("{SAMPLE}\n[http]\nlisten = \"127.0.0.1:8570\"\n")).unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("not available in this version"), "{error}");
    }

    #[test]
    fn the_samples_upstream_works_once_it_is_no_comment() {
        let uncomment = |line: &'static str| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => key,
            _ => line,
        };
        let uncommented: Vec<&str> = SAMPLE.lines().map(uncomment).collect();
        let uncommented =
            uncommented.join("\n").replace("relays = []", "relays = [\"lighthouse-internal\"]");
        let config: Config = toml::from_str(&uncommented).unwrap();
        config.validate().unwrap();
        assert_eq!(config.upstreams().unwrap().len(), 1);
    }
}
