//! Relays that this one follows, each on a thread of its own (`docs/protocol.md`, section 5).
//!
//! What passes `judge.rs` goes to `record.rs` like a submission. The position in the upstream's
//! journal moves once the own journal has the event, or never will, so that a crash anywhere
//! leaves no hole; what is read a second time ends at the digest.

mod batch;
mod cursor;
mod follower;
mod judge;
mod recording;
mod ticket;

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use crossbeam_channel::Sender;
use laniakea_daemon::{Clock, Lifecycle};
use laniakea_event::{Digest, SignerId, SigningKey};
use laniakea_journal::Journal;
use laniakea_wire::{
    curve::{CurvePair, Security},
    subscription::CursorStore as _,
};

pub(crate) use self::ticket::{Outcome, Ticket};
use self::{
    cursor::{OwnPosition, UpstreamCursor},
    follower::Follower,
    judge::UpstreamJudge,
    recording::Recording,
};
use crate::{
    check::CheckedEvent,
    config::{Config, UpstreamSettings},
    counters::{Counters, UpstreamState},
    policy::{Policy, PolicySource},
};

/// Where positions are kept, in `data_dir`.
const DIRECTORY: &str = "upstream";

/// The relays that this one follows, before it begins to.
pub(crate) struct Upstreams(Vec<Prepared>);

/// An upstream with all that can be wrong about it looked at.
struct Prepared {
    settings: UpstreamSettings,
    security: Security,
    cursor: Option<UpstreamCursor>,
    own: Arc<OwnPosition>,
    state: Arc<UpstreamState>,
}

/// What following needs of the relay.
pub(crate) struct Surroundings {
    pub(crate) policy: Arc<PolicySource>,
    pub(crate) key: SigningKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) to_record: Sender<Vec<CheckedEvent>>,
}

impl Upstreams {
    /// Looks at everything that somebody would have to mend, and connects to nobody yet.
    pub(crate) fn prepare(
        config: &Config,
        policy: &Policy,
        key: &SigningKey,
        journal: &dyn Journal,
    ) -> anyhow::Result<Self> {
        let upstreams = check_upstreams(config, policy, key)?;
        let directory = config.data_dir.join(DIRECTORY);
        let bounds = journal.bounds()?;
        let mut prepared = Vec::new();
        for (settings, security) in upstreams {
            let signer = settings.upstream.signer.clone();
            let own = Arc::new(OwnPosition::new(journal.id(), bounds.last));
            let cursor = if settings.replay.is_some() {
                fs::create_dir_all(&directory)
                    .with_context(|| format!("could not make {}", directory.display()))?;
                Some(open_cursor(&directory, &signer, own.clone())?)
            } else {
                None
            };
            let state = Arc::new(UpstreamState::new(signer));
            prepared.push(Prepared { settings, security, cursor, own, state });
        }
        Ok(Self(prepared))
    }

    /// Where following each of them is.
    pub(crate) fn states(&self) -> Vec<Arc<UpstreamState>> {
        self.0.iter().map(|prepared| prepared.state.clone()).collect()
    }

    /// Begins to follow all of them.
    pub(crate) fn start(self, lifecycle: &mut Lifecycle, surroundings: &Surroundings) {
        for prepared in self.0 {
            let Prepared { settings, security, cursor, own, state } = prepared;
            let judge = UpstreamJudge {
                upstream: settings.upstream.clone(),
                policy: surroundings.policy.clone(),
                clock: surroundings.clock.clone(),
                counters: surroundings.counters.clone(),
            };
            let follower = Follower {
                judge: Arc::new(judge),
                key: surroundings.key.clone(),
                counters: surroundings.counters.clone(),
                recording: Recording {
                    to_record: surroundings.to_record.clone(),
                    own,
                    stopping: lifecycle.stopping(),
                },
                max_frame_bytes: max_frame_bytes(&surroundings.policy.current()),
                stopping: lifecycle.stopping(),
                settings,
                security,
                cursor,
                state,
            };
            lifecycle.spawn_thread("following an upstream", move || follower.run());
        }
    }
}

/// What is wrong with the configured upstreams, as far as the keys tell.
pub(crate) fn check_upstreams(
    config: &Config,
    policy: &Policy,
    key: &SigningKey,
) -> anyhow::Result<Vec<(UpstreamSettings, Security)>> {
    let mut checked = Vec::new();
    for settings in config.upstreams()? {
        let signer = &settings.upstream.signer;
        ensure!(signer != key.signer(), "[[upstream]] \"{signer}\" is this relay itself");
        ensure!(
            policy.trust.keyring().iter().any(|(known, ..)| known == signer),
            "[[upstream]] \"{signer}\" has no key in {}: `lk key trust FILE --id {signer} --relay`",
            config.trust.keys_dir.display()
        );
        let security = match &settings.server_key {
            None => Security::Plain,
            Some(server) => {
                let own = CurvePair::load(&config.identity.key_file).with_context(|| {
                    format!("[[upstream]] \"{signer}\" is encrypted and needs CURVE keys")
                })?;
                Security::Curve { server: *server, own }
            }
        };
        checked.push((settings, security));
    }
    Ok(checked)
}

fn open_cursor(
    directory: &Path,
    signer: &SignerId,
    own: Arc<OwnPosition>,
) -> anyhow::Result<UpstreamCursor> {
    let cursor = UpstreamCursor::new(directory.join(file_name(signer)), own);
    cursor.load()?;
    Ok(cursor)
}

/// A name that stays in the directory, whatever the signer is called.
fn file_name(signer: &SignerId) -> String {
    let name = signer.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.starts_with('.') && name.bytes().all(is_plain) {
        return format!("{name}.cursor");
    }
    format!("{}.cursor", Digest::of(name.as_bytes()))
}

/// Twice what an event may have is refused with a reason; what goes further cuts the connection.
fn max_frame_bytes(policy: &Policy) -> usize {
    const LEAST: usize = 4 << 20;
    policy.limits.max_event_bytes.saturating_mul(4).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_kept_in_the_directory_whatever_the_signer_is_called() {
        let name = |signer| file_name(&SignerId::parse(signer).unwrap());
        assert_eq!(name("lighthouse-internal.example"), "lighthouse-internal.example.cursor");
        for signer in ["../../etc/x", ".hidden", "..", "a/b", "ä", "a b", "\\", &"ü".repeat(64)] {
            let name = name(signer);
            assert!(name.len() == 71 && name.bytes().all(|byte| byte != b'/'), "{name}");
        }
    }
}
