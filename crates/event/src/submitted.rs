//! First stage: foreign bytes become an event whose members have the right form.
//!
//! Nothing here is believed yet; [`SubmittedEvent::verify`] comes next at a relay, and
//! [`SubmittedEvent::verify_received`] at a consumer.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    Digest, EventId, EventTime, Keyring, Limits, Object, Reason, Rejection, RelayNote, SignedEvent,
    SignerId, SigningKey, Trust, Value, VerifiedEvent,
    signatures::{Claims, Signatures, add_signature},
    signed_bytes::SignedBytes,
};

/// An event as somebody sent it: well-formed, with nothing verified.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmittedEvent {
    /// The members that signatures cover.
    covered: Object,
    /// As they came, of any type.
    signatures: Option<Value>,
    unsigned: Option<Value>,
    id: EventId,
    time: EventTime,
    uuid: Option<Uuid>,
    max_signatures: usize,
}

impl SubmittedEvent {
    /// Parses one event and checks its members.
    ///
    /// # Errors
    ///
    /// The rejections of the JSON parser, `not_an_object`, `missing_field`, `bad_field` and
    /// `unsupported_format`.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Rejection> {
        let Value::Object(mut covered) = Value::parse(bytes, limits)? else {
            return Err(Rejection::new(Reason::NotAnObject, "an event is a JSON object"));
        };
        let signatures = covered.remove("signatures");
        let unsigned = covered.remove("unsigned");
        let id = check_id(&covered)?;
        check_format(&covered)?;
        let time = check_time(&covered)?;
        let uuid = check_uuid(&covered)?;
        check_name(&covered, "origin")?;
        check_name(&covered, "author")?;
        match covered.get("data") {
            Some(Value::Object(_)) => {}
            Some(other) => return Err(bad_field("data", "an object", other)),
            None => return Err(missing("data")),
        }
        let max_signatures = limits.max_signatures;
        Ok(Self { covered, signatures, unsigned, id, time, uuid, max_signatures })
    }

    /// Verifies every signature that a trusted signer made with a key that is valid `now`; other
    /// keys of the signer are as good as unknown.
    ///
    /// This is what a relay asks of a submission. Whether the signers may say what the event says
    /// is asked with [`VerifiedEvent::authorise`].
    ///
    /// # Errors
    ///
    /// `not_signed`, `too_many_signatures`, `unknown_signer`, `unknown_key_id`, `bad_base64` and
    /// `bad_signature`.
    pub fn verify(self, keyring: &Keyring, now: Timestamp) -> Result<VerifiedEvent, Rejection> {
        let signed = SignedBytes::of(&self.covered);
        let signatures = Signatures::verify(&self.claims(&signed), keyring, now)?;
        let digest = signed.digest();
        Ok(VerifiedEvent::new(self, signed, digest, signatures))
    }

    /// Verifies and authorises an event that a relay took, `now` or long ago: a source signed it
    /// that may emit it. This is what a consumer asks.
    ///
    /// A source's key that has expired or been revoked since still counts if the relay's note says
    /// that it took the event while the key was valid, and if the signature of a trusted relay
    /// with a key that is valid `now` proves that it took it.
    ///
    /// # Errors
    ///
    /// Those of [`Self::verify`], and `not_authorised`.
    pub fn verify_received(
        self,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<VerifiedEvent, Rejection> {
        let (event, passed_over) = self.verify_as_of(trust, now, |_| true)?;
        event.authorise(trust).map_err(|rejection| rejection.with_details(&passed_over))?;
        Ok(event)
    }

    /// Verifies the signatures of valid keys, and those that count as of the time at which a relay
    /// took the event, if it is one whose note counts. Beside the event it says which signatures
    /// were passed over.
    pub(crate) fn verify_as_of(
        self,
        trust: &Trust,
        now: Timestamp,
        note_counts: impl Fn(&SignerId) -> bool,
    ) -> Result<(VerifiedEvent, Vec<String>), Rejection> {
        let signed = SignedBytes::of(&self.covered);
        let note = self.unsigned.as_ref().and_then(RelayNote::parse);
        let note = note.filter(|note| note_counts(&note.relay));
        let received = note.and_then(|note| note.received_at());
        let (signatures, passed_over) =
            Signatures::verify_received(&self.claims(&signed), trust, received, now)?;
        let digest = signed.digest();
        Ok((VerifiedEvent::new(self, signed, digest, signatures), passed_over))
    }

    fn claims<'a>(&'a self, signed: &'a SignedBytes) -> Claims<'a> {
        Claims {
            signatures: self.signatures.as_ref(),
            signed_bytes: signed.as_bytes(),
            max_signatures: self.max_signatures,
        }
    }

    /// Signs the event, beside the signatures that it has; none of them is verified.
    ///
    /// What a relay noted in `unsigned` is kept.
    ///
    /// # Errors
    ///
    /// `bad_signature` or `too_many_signatures` where there is no place for another signature.
    pub fn sign(mut self, key: &SigningKey) -> Result<SignedEvent, Rejection> {
        let signed = SignedBytes::of(&self.covered);
        let signatures = add_signature(
            self.signatures.take(),
            key.signer(),
            key.key_id(),
            &key.sign(signed.as_bytes()),
            self.max_signatures,
        )?;
        let mut members = self.covered;
        members.insert("signatures".to_owned(), signatures);
        members.extend(self.unsigned.map(|unsigned| ("unsigned".to_owned(), unsigned)));
        let bytes = Value::Object(members).to_canonical().into_bytes();
        Ok(SignedEvent::new(self.id, signed.digest(), bytes))
    }

    /// The event's type, also where the dialect calls it `tag`.
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

    /// The members that signatures cover.
    pub fn covered(&self) -> &Object {
        &self.covered
    }

    /// What a relay noted beside the event; nobody signed it.
    pub fn unsigned(&self) -> Option<&Value> {
        self.unsigned.as_ref()
    }

    /// The bytes that signatures cover.
    pub fn signed_bytes(&self) -> Vec<u8> {
        SignedBytes::of(&self.covered).as_bytes().to_vec()
    }

    /// The digest of those bytes.
    pub fn digest(&self) -> Digest {
        SignedBytes::of(&self.covered).digest()
    }
}

fn check_id(covered: &Object) -> Result<EventId, Rejection> {
    let (name, value) = match (covered.get("id"), covered.get("tag")) {
        (Some(id), Some(tag)) if id != tag => {
            return Err(Rejection::new(Reason::BadField, "`id` and `tag` differ"));
        }
        (Some(id), _) => ("id", id),
        (None, Some(tag)) => ("tag", tag),
        (None, None) => return Err(missing("id")),
    };
    let text = value.as_str().ok_or_else(|| bad_field(name, "a string", value))?;
    EventId::parse(text)
        .map_err(|error| Rejection::new(Reason::BadField, format!("`{name}`: {error}")))
}

fn check_format(covered: &Object) -> Result<(), Rejection> {
    match covered.get("format") {
        Some(Value::String(format)) if format == "1.0" => Ok(()),
        Some(Value::String(_)) => {
            Err(Rejection::new(Reason::UnsupportedFormat, "only format \"1.0\" is known"))
        }
        Some(other) => Err(bad_field("format", "the string \"1.0\"", other)),
        None => Err(missing("format")),
    }
}

fn check_time(covered: &Object) -> Result<EventTime, Rejection> {
    let value = covered.get("time").ok_or_else(|| missing("time"))?;
    let text = value.as_str().ok_or_else(|| bad_field("time", "a string", value))?;
    let time = EventTime::parse(text).ok_or_else(|| {
        Rejection::new(Reason::BadField, "`time` is not of the form 2026-11-23T16:00:00.123456Z")
    })?;
    if covered.contains_key("id") && !time.has_offset() {
        return Err(Rejection::new(Reason::BadField, "`time` has no offset, such as Z or +02:00"));
    }
    Ok(time)
}

/// The `uuid` belongs to the Laniakea dialect; elsewhere a member of that name is just carried.
fn check_uuid(covered: &Object) -> Result<Option<Uuid>, Rejection> {
    if !covered.contains_key("tag") {
        return Ok(None);
    }
    let value = covered.get("uuid").ok_or_else(|| missing("uuid"))?;
    let text = value.as_str().ok_or_else(|| bad_field("uuid", "a string", value))?;
    // The library also reads other spellings; all of those are of other lengths.
    let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
    uuid.map(Some).ok_or_else(|| {
        Rejection::new(Reason::BadField, "`uuid` is not of the form 8-4-4-4-12 hex digits")
    })
}

fn check_name(covered: &Object, name: &str) -> Result<(), Rejection> {
    const MAX_BYTES: usize = 255;
    let Some(value) = covered.get(name) else {
        return Ok(());
    };
    let text = value.as_str().ok_or_else(|| bad_field(name, "a string", value))?;
    if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        let detail = format!("`{name}` is longer than {MAX_BYTES} bytes or has control characters");
        return Err(Rejection::new(Reason::BadField, detail));
    }
    Ok(())
}

fn missing(name: &str) -> Rejection {
    Rejection::new(Reason::MissingField, format!("`{name}` is missing"))
}

fn bad_field(name: &str, expected: &str, found: &Value) -> Rejection {
    Rejection::new(Reason::BadField, format!("`{name}` must be {expected}, not {}", found.kind()))
}

impl SubmittedEvent {
    pub(crate) fn into_parts(self) -> (Object, EventId, EventTime, Option<Uuid>, Option<Value>) {
        (self.covered, self.id, self.time, self.uuid, self.unsigned)
    }
}

#[cfg(test)]
mod tests;
