//! An event as a consumer gets it.

use jiff::Timestamp;
use laniakea_event::{
    Digest, EventId, EventTime, Limits, Object, Rejection, RelayNote, SignerId, SubmittedEvent,
    Value, VerifiedEvent,
};

use super::{Believe, Position};
use crate::replay::PageEvent;

/// An event, where it stands, and what is known of its signers.
#[derive(Debug)]
pub struct Delivery {
    event: Event,
    frame: Vec<u8>,
    /// The sources that may emit it, where that was asked.
    sources: Option<Vec<SignerId>>,
    note: Option<RelayNote>,
    position: Option<Position>,
}

#[derive(Debug)]
enum Event {
    Unverified(SubmittedEvent),
    Verified(VerifiedEvent),
}

impl Event {
    fn unsigned(&self) -> Option<&Value> {
        match self {
            Self::Unverified(event) => event.unsigned(),
            Self::Verified(event) => event.unsigned(),
        }
    }
}

impl Delivery {
    /// Parses a frame from a relay and checks its signatures as `believe` says, with the keys
    /// that are valid `now`.
    ///
    /// # Errors
    ///
    /// It is no event, or not one to believe.
    pub fn open(frame: Vec<u8>, believe: &Believe, now: Timestamp) -> Result<Self, Rejection> {
        Self::judge(frame, |frame| SubmittedEvent::parse(frame, &Limits::FROM_RELAY), believe, now)
    }

    /// The same for an event of a page, which was parsed to see where it stands.
    ///
    /// # Errors
    ///
    /// It is no event, or not one to believe.
    pub fn of_page(event: PageEvent, believe: &Believe, now: Timestamp) -> Result<Self, Rejection> {
        let PageEvent { frame, parsed } = event;
        if frame.len() > Limits::FROM_RELAY.max_bytes {
            return Self::open(frame, believe, now);
        }
        Self::judge(frame, |_| parsed.map(|(event, _)| event), believe, now)
    }

    fn judge(
        frame: Vec<u8>,
        parse: impl FnOnce(&[u8]) -> Result<SubmittedEvent, Rejection>,
        believe: &Believe,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let (event, sources) = match believe {
            Believe::Everything => (Event::Unverified(parse(&frame)?), None),
            Believe::Keys(keyring) => (Event::Verified(parse(&frame)?.verify(keyring, now)?), None),
            Believe::Sources(trust) => {
                let event = parse(&frame)?.verify_received(trust, now)?;
                let sources = event.authorise(trust)?;
                (Event::Verified(event), Some(sources))
            }
            Believe::Judged(judge) => {
                let (event, sources) = judge.judge(&frame, now)?;
                (Event::Verified(event), Some(sources))
            }
        };
        let note = event.unsigned().and_then(RelayNote::parse);
        Ok(Self { event, frame, sources, note, position: None })
    }

    /// The verified event and its sources; `None` unless somebody was asked for the latter.
    pub fn into_verified(self) -> Option<(VerifiedEvent, Vec<SignerId>)> {
        match (self.event, self.sources) {
            (Event::Verified(event), Some(sources)) => Some((event, sources)),
            _ => None,
        }
    }

    pub(super) fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// The event's type.
    pub fn id(&self) -> &EventId {
        match &self.event {
            Event::Unverified(event) => event.id(),
            Event::Verified(event) => event.id(),
        }
    }

    /// When the source says that it emitted the event.
    pub fn time(&self) -> EventTime {
        match &self.event {
            Event::Unverified(event) => event.time(),
            Event::Verified(event) => event.time(),
        }
    }

    /// The digest of the signed bytes.
    pub fn digest(&self) -> Digest {
        match &self.event {
            Event::Unverified(event) => event.digest(),
            Event::Verified(event) => event.digest(),
        }
    }

    /// The members that signatures cover.
    pub fn covered(&self) -> &Object {
        match &self.event {
            Event::Unverified(event) => event.covered(),
            Event::Verified(event) => event.covered(),
        }
    }

    /// The event's own content.
    pub fn data(&self) -> &Value {
        self.covered().get("data").unwrap_or(&Value::Null)
    }

    /// Who signed, verified; `None` where nothing was verified.
    pub fn signers(&self) -> Option<Vec<&SignerId>> {
        match &self.event {
            Event::Unverified(_) => None,
            Event::Verified(event) => Some(event.signatures().signers().collect()),
        }
    }

    /// The sources that signed it and may emit it; `None` unless [`Believe::Sources`] or a
    /// [`Judge`](super::Judge) were asked.
    pub fn sources(&self) -> Option<&[SignerId]> {
        self.sources.as_deref()
    }

    /// The event in canonical form, as the relay sent it.
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// What the relay noted beside the event.
    pub fn note(&self) -> Option<&RelayNote> {
        self.note.as_ref()
    }

    /// What may be stored once this event was handled; `None` without a journal.
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use laniakea_event::{Draft, KeyId, Keyring, Reason, SigningKey};

    use super::{super::Judge, *};

    /// Believes one signer, for one id.
    #[derive(Debug)]
    struct Whim(Keyring, EventId);

    impl Judge for Whim {
        fn judge(
            &self,
            frame: &[u8],
            now: Timestamp,
        ) -> Result<(VerifiedEvent, Vec<SignerId>), Rejection> {
            let event = SubmittedEvent::parse(frame, &Limits::SUBMISSION)?.verify(&self.0, now)?;
            if *event.id() != self.1 {
                return Err(Rejection::new(Reason::NotAuthorised, "no"));
            }
            let signers = event.signatures().signers().cloned().collect();
            Ok((event, signers))
        }
    }

    #[test]
    fn where_there_is_a_judge_nothing_is_believed_but_what_it_believes() {
        let key = SigningKey::from_seed(
            SignerId::parse("archive-01").unwrap(),
            KeyId::parse("0").unwrap(),
            &[1; 32],
        );
        let mut keyring = Keyring::default();
        keyring.insert(key.signer().clone(), key.key_id().clone(), key.verifying_key()).unwrap();
        let id = |text: &str| EventId::parse(text).unwrap();
        let believe = Believe::Judged(Arc::new(Whim(keyring, id("a.b.c"))));
        let open = |name: &str| {
            let now = Timestamp::UNIX_EPOCH;
            let event = Draft::new(id(name), now, Object::new()).sign(&key).unwrap();
            Delivery::open(event.into_bytes(), &believe, now)
        };
        assert_eq!(open("a.b.d").unwrap_err().reason(), Reason::NotAuthorised);
        let delivery = open("a.b.c").unwrap();
        assert_eq!(delivery.sources().unwrap(), [key.signer().clone()]);
        let (event, sources) = delivery.into_verified().unwrap();
        assert_eq!((event.id(), sources), (&id("a.b.c"), vec![key.signer().clone()]));
        let frame = b"{}".to_vec();
        assert!(Delivery::open(frame, &believe, Timestamp::UNIX_EPOCH).is_err());
    }
}
