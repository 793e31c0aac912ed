//! `[[upstream]]`

use std::collections::BTreeSet;

use anyhow::{Context as _, bail, ensure};
use laniakea_daemon::TrustConfig;
use laniakea_event::{EmitRule, Prefix, SignerId, Upstream};
use laniakea_wire::curve::CurveKey;
use serde::Deserialize;

/// A relay that this one follows, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamConfig {
    /// Its publish endpoint, such as `tcp://internal:5572`.
    publish: String,
    /// Its replay endpoint; absent for a relay that has none, such as a Python Lighthouse.
    replay: Option<String>,
    /// Its name as a signer: one of `relays` in `[trust]`.
    signer: String,
    /// Its CURVE key, where both endpoints are encrypted. Default: they are not.
    server_key: Option<String>,
    /// What to take: prefixes that end in a dot, or whole ids. Default: everything.
    #[serde(default)]
    prefixes: Vec<String>,
    /// Ids, or prefixes that end in a dot, for which its signature alone stands. Default: none.
    #[serde(default)]
    emit: Vec<String>,
}

/// The same with everything read.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamSettings {
    pub(crate) publish: String,
    pub(crate) replay: Option<String>,
    pub(crate) server_key: Option<CurveKey>,
    pub(crate) prefixes: Vec<Prefix>,
    /// Who it is, and for what its word counts.
    pub(crate) upstream: Upstream,
}

/// Reads all entries.
pub(crate) fn read_all(
    entries: &[UpstreamConfig],
    trust: &TrustConfig,
) -> anyhow::Result<Vec<UpstreamSettings>> {
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for entry in entries {
        let signer = &entry.signer;
        let settings = entry.read().with_context(|| format!("[[upstream]] {signer:?} is wrong"))?;
        ensure!(
            trust.relays.contains(signer),
            "the signer of [[upstream]] {signer:?} is no relay: add it to relays in [trust]"
        );
        // One relay, one journal, one position.
        ensure!(known.insert(signer), "[[upstream]] {signer:?} stands twice");
        all.push(settings);
    }
    Ok(all)
}

impl UpstreamConfig {
    fn read(&self) -> anyhow::Result<UpstreamSettings> {
        check_endpoint(&self.publish).context("publish")?;
        self.replay.as_deref().map(check_endpoint).transpose().context("replay")?;
        let server_key = self.server_key.as_deref().map(CurveKey::parse);
        let prefixes = self.prefixes.iter().map(|prefix| Prefix::parse(prefix));
        let emit = self.emit.iter().map(|rule| EmitRule::parse(rule));
        Ok(UpstreamSettings {
            publish: self.publish.clone(),
            replay: self.replay.clone(),
            server_key: server_key.transpose().context("server_key")?,
            prefixes: prefixes.collect::<Result<_, _>>().context("prefixes")?,
            upstream: Upstream {
                signer: SignerId::parse(&self.signer).context("signer")?,
                emit: emit.collect::<Result<_, _>>().context("emit")?,
            },
        })
    }
}

/// Looked at before the relay starts: a follower would only log what is wrong, and try for ever.
fn check_endpoint(endpoint: &str) -> anyhow::Result<()> {
    let is_good = if let Some(address) = endpoint.strip_prefix("tcp://") {
        address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && host != "*" && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    } else {
        endpoint.strip_prefix("ipc://").is_some_and(|path| path.starts_with('/'))
    };
    if !is_good {
        bail!("{endpoint:?} is not of the form tcp://HOST:PORT or ipc:///PATH");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "publish = \"tcp://internal:6572\"\nreplay = \"tcp://internal:6573\"\n\
                        signer = \"lighthouse-internal\"\nprefixes = [\"_lk.archive.\"]\n\
                        emit = [\"_lk.jobs.\"]\n";

    fn read(entries: &[&str]) -> Result<Vec<UpstreamSettings>, String> {
        let trust: TrustConfig =
            toml::from_str("keys_dir = \"/nowhere\"\nrelays = [\"lighthouse-internal\"]").unwrap();
        let entries: Result<Vec<UpstreamConfig>, _> =
            entries.iter().map(|entry| toml::from_str(entry)).collect();
        let entries = entries.map_err(|error| error.to_string())?;
        read_all(&entries, &trust).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn an_entry_is_read_and_most_of_it_may_be_absent() {
        let read_one = |entry| read(&[entry]).unwrap().remove(0);
        let full = read_one(GOOD);
        assert_eq!(full.upstream.signer.as_str(), "lighthouse-internal");
        assert_eq!(full.upstream.emit, [EmitRule::parse("_lk.jobs.").unwrap()]);
        assert_eq!(full.prefixes, [Prefix::parse("_lk.archive.").unwrap()]);
        let short = read_one("publish = \"ipc:///run/x\"\nsigner = \"lighthouse-internal\"\n");
        assert!(short.replay.is_none() && short.server_key.is_none());
        assert!(short.prefixes.is_empty() && short.upstream.emit.is_empty());
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_entry_and_the_reason() {
        for (from, to, message) in [
            ("tcp://internal:6572", "tcp://internal", "publish: \"tcp://internal\" is not of"),
            ("tcp://internal:6572", "internal:6572", "is not of the form"),
            ("tcp://internal:6572", "tcp://*:6572", "is not of the form"),
            ("tcp://internal:6573", "tcp://internal:0", "replay: \"tcp://internal:0\" is not of"),
            ("tcp://internal:6573", "ipc://x", "is not of the form"),
            ("signer = \"lighthouse-internal\"", "signer = \"archive-01\"", "is no relay"),
            ("signer = \"lighthouse-internal\"", "signer = \"\"", "signer: "),
            ("_lk.archive.", "_lk.archive", "prefixes: \"_lk.archive\" is neither"),
            ("_lk.jobs.", "_lk.*", "emit: \"_lk.*\" is neither"),
            ("_lk.jobs.", "", "emit: \"\" is neither"),
            ("prefixes =", "server_key = \"short\"\nprefixes =", "server_key: "),
            ("prefixes =", "retries = 5\nprefixes =", "unknown field `retries`"),
            ("publish = \"tcp://internal:6572\"\n", "", "missing field `publish`"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{from}");
            let error = read(&[&text]).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let error = read(&[GOOD, &GOOD.replace("6572", "7572")]).unwrap_err();
        assert!(error.contains("\"lighthouse-internal\" stands twice"), "{error}");
    }
}
