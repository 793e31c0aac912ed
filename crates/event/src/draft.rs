//! The way in for our own emitters: a draft is signed and becomes bytes to submit.

use std::{fmt, str::FromStr};

use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Digest, EventId, Limits, Object, Rejection, Signatures, SigningKey, SubmittedEvent, Value,
    signed_bytes::SignedBytes, time::write_utc,
};

/// Which member names an event is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `id`, with an offset in `time`.
    #[default]
    Seed,
    /// `tag` and `uuid`, as Laniakea's Python modules write.
    Laniakea,
    /// `id`, `tag` and `uuid`: readable by both worlds.
    Both,
}

/// The text names no dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a dialect is `seed`, `laniakea` or `both`")]
pub struct InvalidDialect;

impl FromStr for Dialect {
    type Err = InvalidDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "seed" => Ok(Self::Seed),
            "laniakea" => Ok(Self::Laniakea),
            "both" => Ok(Self::Both),
            _ => Err(InvalidDialect),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Seed => "seed",
            Self::Laniakea => "laniakea",
            Self::Both => "both",
        })
    }
}

/// An event that is not signed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    members: Object,
    id: EventId,
}

/// The draft would be refused by every relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event would be rejected")]
pub struct DraftError(#[from] Rejection);

impl Draft {
    /// A draft in the `id` dialect.
    pub fn new(id: EventId, time: jiff::Timestamp, data: Object) -> Self {
        let members = [
            ("data", data.into()),
            ("format", Value::from("1.0")),
            ("id", id.as_str().into()),
            ("time", write_utc(time).to_string().into()),
        ];
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { members, id }
    }

    /// Names the user or entity that caused the event.
    #[must_use]
    pub fn author(self, author: impl Into<String>) -> Self {
        self.with("author", author.into())
    }

    /// Names the machine that the event comes from.
    #[must_use]
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.with("origin", origin.into())
    }

    /// Replaces the time by a text of the caller's, such as one with another offset.
    #[must_use]
    pub fn time(self, time: impl Into<String>) -> Self {
        self.with("time", time.into())
    }

    /// Writes the draft in another dialect; `uuid` is used where that dialect has one.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect, uuid: Uuid) -> Self {
        if dialect == Dialect::Laniakea {
            self.members.remove("id");
        }
        if dialect != Dialect::Seed {
            let tag = self.id.to_string();
            self = self.with("tag", tag).with("uuid", uuid.to_string());
        }
        self
    }

    /// Adds a member of the caller's own, beside those that the format knows; signatures cover it.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    fn with(self, name: &str, value: String) -> Self {
        self.member(name, value)
    }

    /// Signs the draft, having checked it as a relay will.
    ///
    /// # Errors
    ///
    /// What a relay would refuse: too deep or large data, a malformed time, origin or author.
    pub fn sign(self, key: &SigningKey) -> Result<SignedEvent, DraftError> {
        let signed = SignedBytes::of(&self.members);
        let mut signatures = Signatures::default();
        signatures.insert(key.signer().clone(), key.key_id().clone(), key.sign(signed.as_bytes()));
        let bytes = signed.frame(&signatures, None);
        SubmittedEvent::parse(&bytes, &Limits::SUBMISSION)?;
        Ok(SignedEvent::new(self.id, signed.digest(), bytes))
    }
}

/// A signed event, ready to submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEvent {
    id: EventId,
    digest: Digest,
    bytes: Vec<u8>,
}

impl SignedEvent {
    pub(crate) fn new(id: EventId, digest: Digest, bytes: Vec<u8>) -> Self {
        Self { id, digest, bytes }
    }

    /// The event's type.
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// The digest of the signed bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The event in canonical form, signatures included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The event in canonical form, signatures included.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
