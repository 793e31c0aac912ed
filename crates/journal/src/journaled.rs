//! The stage after verification: an event that has its place in a journal.

use std::{collections::BTreeMap, sync::Arc};

use laniakea_event::{Digest, EventId, RelayNote, Seq, SignerId, write_utc};
use uuid::Uuid;

use crate::Entry;

/// An event that is in a journal and may be published. Cheap to clone.
///
/// Only journals make one, once the event is as durable as [`crate::Journal::append`] promises:
/// that publishing takes nothing else is what keeps it behind journaling.
#[derive(Debug, Clone)]
pub struct JournaledEvent {
    seq: Seq,
    id: EventId,
    digest: Digest,
    received: jiff::Timestamp,
    frame: Arc<[u8]>,
}

/// The place that a journal gives to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The relay whose journal it is.
    pub relay: SignerId,
    /// The journal's id.
    pub journal: Uuid,
    /// The event's own seq.
    pub seq: Seq,
    /// For each of [`EventId::prefixes`] the seq of the event before that matched it; 0: none.
    pub prev: BTreeMap<String, Seq>,
}

impl JournaledEvent {
    /// Writes the event as it will be published. For implementers of [`crate::Journal`] alone.
    pub fn new(entry: &Entry, position: Position) -> Self {
        let received = to_microseconds(entry.received);
        let Position { relay, journal, seq, prev } = position;
        let note =
            RelayNote { relay, journal, seq, received: write_utc(received).to_string(), prev };
        Self {
            seq,
            id: entry.event.id().clone(),
            digest: entry.event.digest(),
            received,
            frame: entry.event.frame(&note).into(),
        }
    }

    /// Where the event stands.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The event's type.
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// The digest of its signed bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// When the relay took it, in whole microseconds, as the frame says.
    pub fn received(&self) -> jiff::Timestamp {
        self.received
    }

    /// The bytes that are published, live and from the journal.
    pub fn frame(&self) -> &Arc<[u8]> {
        &self.frame
    }
}

/// Drops what `received` does not write down, so that a live event and the stored one agree.
fn to_microseconds(time: jiff::Timestamp) -> jiff::Timestamp {
    let microseconds = time.as_nanosecond().div_euclid(1_000);
    i64::try_from(microseconds)
        .ok()
        .and_then(|microseconds| jiff::Timestamp::from_microsecond(microseconds).ok())
        // Only the very first nanoseconds that a timestamp can hold have no microsecond below.
        .unwrap_or(jiff::Timestamp::MIN)
}
