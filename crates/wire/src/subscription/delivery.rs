//! An event as a consumer gets it.

use jiff::Timestamp;
use laniakea_event::{
    Digest, EventId, EventTime, Limits, Object, Rejection, RelayNote, SignerId, SubmittedEvent,
    Value, VerifiedEvent,
};

use super::{Believe, Position};

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

impl Delivery {
    /// Parses a frame from a relay and checks its signatures as `believe` says, with the keys
    /// that are valid `now`.
    ///
    /// # Errors
    ///
    /// It is no event, or not one to believe.
    pub fn open(frame: Vec<u8>, believe: &Believe, now: Timestamp) -> Result<Self, Rejection> {
        if let Believe::Judged(judge) = believe {
            let (event, sources) = judge.judge(&frame, now)?;
            let note = event.unsigned().and_then(RelayNote::parse);
            let (event, sources) = (Event::Verified(event), Some(sources));
            return Ok(Self { event, frame, sources, note, position: None });
        }
        let submitted = SubmittedEvent::parse(&frame, &Limits::FROM_RELAY)?;
        let note = submitted.unsigned().and_then(RelayNote::parse);
        let (event, sources) = match believe {
            Believe::Everything | Believe::Judged(_) => (Event::Unverified(submitted), None),
            Believe::Keys(keyring) => (Event::Verified(submitted.verify(keyring, now)?), None),
            Believe::Sources(trust) => {
                let event = submitted.verify_received(trust, now)?;
                let sources = event.authorise(trust)?;
                (Event::Verified(event), Some(sources))
            }
        };
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
