//! An event and what its signatures are worth.

use jiff::Timestamp;
use laniakea_event::{
    Digest, Limits, Object, Rejection, RelayNote, Seq, SignerId, SubmittedEvent, Trust, Value,
    VerifiedEvent,
};
use laniakea_filter::Subject;
use serde_json::{Value as Json, json};

/// An event that came by, believed or not.
#[derive(Debug, Clone)]
pub struct StreamEvent {
    event: SubmittedEvent,
    frame: Vec<u8>,
    /// The digest of the signed bytes.
    pub digest: Digest,
    /// Its place in the relay's journal.
    pub seq: Option<Seq>,
    /// Trusted signers with a good signature, relays included.
    pub signers: Vec<SignerId>,
    /// Why it is not to be believed.
    pub problem: Option<String>,
}

impl StreamEvent {
    /// Parses an event and judges it by `trust`, with the keys as they are valid `now`.
    ///
    /// # Errors
    ///
    /// It is no event at all.
    pub fn judge(frame: Vec<u8>, trust: &Trust, now: Timestamp) -> Result<Self, Rejection> {
        let mut this = Self::parse(frame)?;
        match this.event.clone().verify_received(trust, now) {
            Ok(event) => this.signers = signers(&event),
            Err(rejection) => {
                // Who signed is shown also of an event that they may not emit.
                let verified = this.event.clone().verify(trust.keyring(), now);
                this.signers = verified.as_ref().map(signers).unwrap_or_default();
                this.problem = Some(problem(&rejection));
            }
        }
        Ok(this)
    }

    /// Parses an event whose signatures do not matter.
    ///
    /// # Errors
    ///
    /// It is no event at all.
    pub fn parse(frame: Vec<u8>) -> Result<Self, Rejection> {
        let event = SubmittedEvent::parse(&frame, &Limits::FROM_RELAY)?;
        let note = event.unsigned().and_then(RelayNote::parse);
        Ok(Self {
            digest: event.digest(),
            seq: note.map(|note| note.seq),
            event,
            frame,
            signers: Vec::new(),
            problem: None,
        })
    }

    /// An event that nobody sent, with this data.
    pub fn example(id: &str, data: &Json) -> Option<Self> {
        let event = json!({
            "id": id, "format": "1.0", "time": "2026-01-02T03:04:05Z", "data": data,
            "signatures": {},
        });
        Self::parse(event.to_string().into_bytes()).ok()
    }

    /// Its type.
    pub fn id(&self) -> &str {
        self.event.id().as_str()
    }

    /// When the source emitted it, as the source wrote it.
    pub fn time(&self) -> &str {
        self.covered().get("time").and_then(Value::as_str).unwrap_or_default()
    }

    /// The members that signatures cover.
    pub fn covered(&self) -> &Object {
        self.event.covered()
    }

    /// The event's own content.
    pub fn data(&self) -> &Value {
        self.covered().get("data").unwrap_or(&Value::Null)
    }

    /// What filters look at.
    pub fn subject(&self) -> Subject<'_> {
        let signers = self.signers.iter().map(SignerId::as_str);
        Subject::new(self.id(), self.covered(), &self.frame, signers)
    }
}

fn signers(event: &VerifiedEvent) -> Vec<SignerId> {
    event.signatures().signers().cloned().collect()
}

/// The reason in its own words; what a stranger wrote is no part of it.
fn problem(rejection: &Rejection) -> String {
    rejection.reason().to_string().replace('_', " ")
}
