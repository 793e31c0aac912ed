//! What has gathered of an upstream's stream: events that go to disk together, and the position
//! that counts once they are there.

use laniakea_event::{SignerId, SigningKey, VerifiedEvent};
use laniakea_wire::subscription::{Delivery, Position};

use super::ticket::{Outcome, Ticket};
use crate::check::CheckedEvent;

/// Events that are handed to the recorder at once; sources' events stand in the same line.
const MAX_EVENTS: usize = 256;
/// Their bytes.
const MAX_BYTES: usize = 4 << 20;

/// Events in the order in which the upstream has them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: Vec<(VerifiedEvent, Vec<SignerId>)>,
    bytes: usize,
    /// Everything up to here is in this batch or in an earlier one.
    pub(super) position: Option<Position>,
}

impl Batch {
    pub(super) fn has_room(&self) -> bool {
        self.events.len() < MAX_EVENTS && self.bytes < MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds the relay's signature, and the event to the batch.
    pub(super) fn add(&mut self, delivery: Delivery, key: &SigningKey) {
        self.position = delivery.position().or(self.position);
        self.bytes += delivery.frame().len();
        // The judge names sources, so there is a verified event.
        if let Some((mut event, sources)) = delivery.into_verified() {
            event.countersign(key);
            self.events.push((event, sources));
        }
    }

    /// The events for the recorder, and where it says what became of them.
    pub(super) fn to_record(&self) -> (Vec<CheckedEvent>, tokio::sync::mpsc::Receiver<Outcome>) {
        let (tickets, outcomes) = Ticket::issue(self.events.len());
        let checked = self.events.iter().cloned().zip(tickets).map(|((event, sources), ticket)| {
            CheckedEvent { event, sources, reply_to: None, ticket: Some(ticket) }
        });
        (checked.collect(), outcomes)
    }

    #[cfg(test)]
    pub(super) fn of(events: Vec<(VerifiedEvent, Vec<SignerId>)>) -> Self {
        Self { events, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }
}
