//! Signs what keeper itself has to say: notes about its runs, and what rules emit.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use laniakea_daemon::hostname;
use laniakea_event::{
    Dialect, Draft, DraftError, EventId, Object, SignedEvent, SignerId, SigningKey, Value,
    keys::KeyFileError,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    chain::{self, Chain},
    config::IdentityConfig,
};

/// Which runs are told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Announce {
    /// Each of them, when it begins and when it ends.
    #[default]
    All,
    /// Those that failed, and what did not come.
    Failures,
    /// None.
    None,
}

/// Signs events under keeper's key.
pub struct Herald {
    key: SigningKey,
    dialect: Dialect,
    origin: Option<String>,
    /// Tells our UUIDs from those of others: six random bytes.
    node: [u8; 6],
    announce: Announce,
    /// The time of the latest event: no two have the same, so no two are the same.
    last: Mutex<Timestamp>,
}

impl Herald {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// It cannot be used, or others can read it.
    pub fn load(
        identity: &IdentityConfig,
        dialect: Dialect,
        announce: Announce,
    ) -> Result<Self, KeyFileError> {
        Ok(Self::new(SigningKey::load(&identity.key_file)?, dialect, announce))
    }

    /// Signs with this key.
    pub fn new(key: SigningKey, dialect: Dialect, announce: Announce) -> Self {
        let mut node = [0; 6];
        let random = Uuid::new_v4();
        node.iter_mut().zip(random.as_bytes()).for_each(|(to, from)| *to = *from);
        // The multicast bit: no network card has such an address.
        if let Some(first) = node.first_mut() {
            *first |= 1;
        }
        let last = Mutex::new(Timestamp::MIN);
        Self { key, dialect, origin: hostname(), node, announce, last }
    }

    /// Keeper's name as a signer.
    pub fn name(&self) -> &SignerId {
        self.key.signer()
    }

    /// Which runs are told of.
    pub fn announce(&self) -> Announce {
        self.announce
    }

    /// How chains name a rule of this keeper.
    pub fn link(&self, rule: &str) -> String {
        format!("{}/{rule}", self.name())
    }

    /// Signs an event that has come about through these rules.
    ///
    /// # Errors
    ///
    /// A relay would refuse it: too large or too deep.
    pub fn sign(
        &self,
        id: EventId,
        data: Object,
        chain: &Chain,
        now: Timestamp,
    ) -> Result<SignedEvent, DraftError> {
        let time = self.moment(now);
        let mut draft = Draft::new(id, time, data).dialect(self.dialect, self.uuid(time));
        if !chain.links().is_empty() {
            let links = chain.links().iter().map(|link| Value::from(link.as_str()));
            draft = draft.member(chain::MEMBER, Value::Array(links.collect()));
        }
        self.origin.iter().fold(draft, Draft::origin).sign(&self.key)
    }

    /// Now, or a moment after the last time. Where the clock was set back, now counts: a relay takes
    /// nothing from the future.
    fn moment(&self, now: Timestamp) -> Timestamp {
        const SET_BACK: SignedDuration = SignedDuration::from_secs(1);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let later = last.checked_add(SignedDuration::from_micros(1)).unwrap_or(now);
        *last = if last.duration_since(now) > SET_BACK { now } else { now.max(later) };
        *last
    }

    /// A version-1 UUID, which holds the time.
    fn uuid(&self, time: Timestamp) -> Uuid {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        let nanos = u32::try_from(time.subsec_nanosecond()).unwrap_or_default();
        Uuid::new_v1(uuid::Timestamp::from_unix_time(seconds, nanos, 0, 0), &self.node)
    }
}

impl fmt::Debug for Herald {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Herald({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use laniakea_event::{KeyId, Limits, SubmittedEvent};

    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_believed() {
        let key = SigningKey::from_seed(
            SignerId::parse("keeper-01").unwrap(),
            KeyId::parse("1").unwrap(),
            &[7; 32],
        );
        let herald = Herald::new(key, Dialect::Seed, Announce::All);
        let at = |second| Timestamp::from_second(second).unwrap();
        let moments = [7_200, 7_200, 3_600, 3_600, 3_601].map(|second| herald.moment(at(second)));
        assert_eq!((moments[0], moments[2], moments[4]), (at(7_200), at(3_600), at(3_601)));
        assert!(moments[0] < moments[1] && moments[2] < moments[3]);
    }

    #[test]
    fn what_is_signed_is_readable_in_each_dialect_and_never_the_same_twice() {
        for dialect in [Dialect::Seed, Dialect::Laniakea, Dialect::Both] {
            let (signer, key_id) = (SignerId::parse("keeper-01"), KeyId::parse("1"));
            let key = SigningKey::from_seed(signer.unwrap(), key_id.unwrap(), &[7; 32]);
            let herald = Herald::new(key, dialect, Announce::All);
            let sign = || {
                let id = EventId::parse("org.example.x.done").unwrap();
                let chain = Chain::default().with(&herald.link("r"));
                herald.sign(id, Object::new(), &chain, Timestamp::UNIX_EPOCH).unwrap()
            };
            let (first, second) = (sign(), sign());
            assert_ne!(first.digest(), second.digest());
            let event = SubmittedEvent::parse(first.bytes(), &Limits::SUBMISSION).unwrap();
            assert_eq!(event.id().as_str(), "org.example.x.done");
            let chain = event.covered().get(chain::MEMBER).unwrap();
            assert_eq!(chain.to_canonical(), r#"["keeper-01/r"]"#);
            let uuid = |event: &SignedEvent| {
                let event = SubmittedEvent::parse(event.bytes(), &Limits::SUBMISSION).unwrap();
                event.covered().get("uuid").cloned()
            };
            assert_eq!(dialect == Dialect::Seed, uuid(&first) == uuid(&second));
        }
    }
}
