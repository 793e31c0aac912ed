//! What comes out of a journal.

use laniakea_event::{Digest, EventId, Prefix, Seq};

use crate::{Budget, JournaledEvent};

/// An event as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Where it stands.
    pub seq: Seq,
    /// The event's type.
    pub id: EventId,
    /// The digest of its signed bytes.
    pub digest: Digest,
    /// When the relay took it.
    pub received: jiff::Timestamp,
    /// What was published.
    pub frame: Vec<u8>,
}

impl From<&JournaledEvent> for StoredEvent {
    fn from(event: &JournaledEvent) -> Self {
        Self {
            seq: event.seq(),
            id: event.id().clone(),
            digest: event.digest(),
            received: event.received(),
            frame: event.frame().to_vec(),
        }
    }
}

/// Which events to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Only events behind this one.
    pub after: Seq,
    /// Only events that one of these matches; all where there is none.
    pub prefixes: Vec<Prefix>,
    /// At most so many events; 0 counts as 1, since a page that never advances helps nobody.
    pub limit: usize,
    /// At most so many bytes of frames, unless a single event is larger.
    pub max_bytes: usize,
    /// How long to look for them.
    pub budget: Budget,
}

/// Some events in ascending order, and where to read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The events that matched.
    pub events: Vec<StoredEvent>,
    /// The `after` of the next page; equal to `last` where nothing is left to read.
    pub next: Seq,
    /// As in [`Bounds`], at the moment of reading.
    pub first: Seq,
    /// As in [`Bounds`], at the moment of reading.
    pub last: Seq,
}

/// Which events a journal holds: every seq from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest event that retention left; `last + 1` where there is none, so 1 in a new
    /// journal.
    pub first: Seq,
    /// The newest event that was ever appended; 0 in a new journal.
    pub last: Seq,
}
