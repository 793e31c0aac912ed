//! Which events of an upstream are taken, by the rules in force when they come.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use laniakea_daemon::Clock;
use laniakea_event::{Rejection, SignerId, SubmittedEvent, Upstream, VerifiedEvent};
use laniakea_wire::subscription::Judge;

use crate::{
    counters::Counters,
    policy::{Policy, PolicySource},
};

/// Parse, members and grammar, signatures, authorisation. Freshness and rates do not apply: the
/// upstream has seen to them.
pub(super) struct UpstreamJudge {
    pub(super) upstream: Upstream,
    pub(super) policy: Arc<PolicySource>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counters: Arc<Counters>,
}

impl Judge for UpstreamJudge {
    fn judge(
        &self,
        frame: &[u8],
        _now: Timestamp,
    ) -> Result<(VerifiedEvent, Vec<SignerId>), Rejection> {
        let verdict = judge_one(frame, &self.policy.current(), &self.upstream, self.clock.now());
        verdict.inspect_err(|rejection| self.counters.upstream.because(rejection.reason()))
    }
}

impl fmt::Debug for UpstreamJudge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UpstreamJudge")
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

fn judge_one(
    frame: &[u8],
    policy: &Policy,
    upstream: &Upstream,
    now: Timestamp,
) -> Result<(VerifiedEvent, Vec<SignerId>), Rejection> {
    let submitted = SubmittedEvent::parse(frame, &policy.limits.of_one_passed_on())?;
    submitted.verify_from_upstream(&policy.trust, upstream, now)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use laniakea_event::{EmitRule, KeyId, Keyring, Limits, Reason, SigningKey, Trust};

    use super::*;
    use crate::config::LimitsConfig;

    const MAX: usize = 2_048;

    fn key(name: &str, seed: u8) -> SigningKey {
        let signer = SignerId::parse(name).unwrap();
        SigningKey::from_seed(signer, KeyId::parse("0").unwrap(), &[seed; 32])
    }

    fn policy() -> Policy {
        let mut keyring = Keyring::default();
        for key in [key("archive-01", 1), key("internal", 2)] {
            keyring
                .insert(key.signer().clone(), key.key_id().clone(), key.verifying_key())
                .unwrap();
        }
        let rules = vec![EmitRule::parse("_lk.archive.").unwrap()];
        let emit = BTreeMap::from([(SignerId::parse("archive-01").unwrap(), rules)]);
        let relays = [SignerId::parse("internal").unwrap()].into();
        let limits = LimitsConfig { max_event_bytes: MAX, ..LimitsConfig::default() };
        Policy { trust: Trust::new(keyring, relays, emit), limits }
    }

    /// An event that was emitted in 1999, as long as this.
    fn event(bytes: usize) -> Vec<u8> {
        let text = |filling: &str| {
            let text = format!(
                r#"{{"data":{{"x":"{filling}"}},"format":"1.0","id":"_lk.archive.x","time":"1999-11-23T16:00:00Z"}}"#
            );
            [key("archive-01", 1), key("internal", 2)].iter().fold(
                text.into_bytes(),
                |text, key| {
                    let event = SubmittedEvent::parse(&text, &Limits::FROM_RELAY).unwrap();
                    event.sign(key).unwrap().into_bytes()
                },
            )
        };
        let overhead = text("").len();
        text(&"x".repeat(bytes.saturating_sub(overhead)))
    }

    fn judge(frame: &[u8]) -> Result<Vec<SignerId>, Reason> {
        let upstream = Upstream { signer: SignerId::parse("internal").unwrap(), emit: Vec::new() };
        let verdict = judge_one(frame, &policy(), &upstream, Timestamp::UNIX_EPOCH);
        verdict.map(|(_, sources)| sources).map_err(|rejection| rejection.reason())
    }

    #[test]
    fn twice_the_length_of_a_submission_is_taken_whatever_its_age() {
        assert_eq!(judge(&event(2 * MAX)).unwrap(), [SignerId::parse("archive-01").unwrap()]);
        assert_eq!(judge(&event(2 * MAX + 1)), Err(Reason::TooLarge));
    }

    #[test]
    fn what_is_no_event_is_refused_by_reason() {
        for (frame, reason) in [
            (&b""[..], Reason::BadJson),
            (b"[]", Reason::NotAnObject),
            (b"{}", Reason::MissingField),
            (b"\xff", Reason::BadUtf8),
        ] {
            assert_eq!(judge(frame), Err(reason));
        }
    }
}
