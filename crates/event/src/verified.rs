//! Second stage: an event whose trusted signatures all hold.

use uuid::Uuid;

use crate::{
    Digest, EventId, EventTime, Object, Reason, Rejection, RelayNote, Signatures, SignerId,
    SigningKey, SubmittedEvent, Trust, Value, signed_bytes::SignedBytes,
};

/// An event with at least one good signature by a trusted signer, and no bad one.
///
/// Only [`SubmittedEvent::verify`], [`SubmittedEvent::verify_received`] and
/// [`SubmittedEvent::verify_from_upstream`] make one. The first
/// does not ask whether the signers may say what the event says: [`VerifiedEvent::authorise`] does.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedEvent {
    covered: Object,
    id: EventId,
    time: EventTime,
    uuid: Option<Uuid>,
    unsigned: Option<Value>,
    signed: SignedBytes,
    digest: Digest,
    signatures: Signatures,
}

impl VerifiedEvent {
    pub(crate) fn new(
        submitted: SubmittedEvent,
        signed: SignedBytes,
        digest: Digest,
        signatures: Signatures,
    ) -> Self {
        let (covered, id, time, uuid, unsigned) = submitted.into_parts();
        Self { covered, id, time, uuid, unsigned, signed, digest, signatures }
    }

    /// Names the source signers that may emit this event.
    ///
    /// # Errors
    ///
    /// `not_authorised` where there is none; a relay's signature alone never suffices.
    pub fn authorise(&self, trust: &Trust) -> Result<Vec<SignerId>, Rejection> {
        let authorised: Vec<SignerId> = self
            .signatures
            .signers()
            .filter(|signer| trust.may_emit(signer, &self.id))
            .cloned()
            .collect();
        if authorised.is_empty() {
            let signers: Vec<&str> = self.signatures.signers().map(SignerId::as_str).collect();
            let detail = format!("{} may not emit {}", signers.join(", "), self.id);
            return Err(Rejection::new(Reason::NotAuthorised, detail));
        }
        Ok(authorised)
    }

    /// Adds the relay's own signature over the same bytes.
    pub fn countersign(&mut self, key: &SigningKey) {
        let signature = key.sign(self.signed.as_bytes());
        self.signatures.insert(key.signer().clone(), key.key_id().clone(), signature);
    }

    /// The event in canonical form with its good signatures and a relay's note, as published.
    pub fn frame(&self, note: &RelayNote) -> Vec<u8> {
        self.signed.frame(&self.signatures, Some(note))
    }

    /// The event's type.
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// When the source says that it emitted the event.
    pub fn time(&self) -> EventTime {
        self.time
    }

    /// The `uuid` of the Laniakea dialect.
    pub fn uuid(&self) -> Option<Uuid> {
        self.uuid
    }

    /// The digest of the signed bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The length of the signed bytes.
    pub fn signed_len(&self) -> usize {
        self.signed.as_bytes().len()
    }

    /// The good signatures by trusted signers.
    pub fn signatures(&self) -> &Signatures {
        &self.signatures
    }

    /// The members that signatures cover.
    pub fn covered(&self) -> &Object {
        &self.covered
    }

    /// The event's own content.
    pub fn data(&self) -> &Value {
        self.covered.get("data").unwrap_or(&Value::Null)
    }

    /// What a relay noted beside the event; nobody signed it.
    pub fn unsigned(&self) -> Option<&Value> {
        self.unsigned.as_ref()
    }
}
