//! What the subscription has, as much as there is at a time.

use laniakea_event::Seq;
use laniakea_wire::subscription::{Position, Subscription, SubscriptionError, Update};

/// So many events are taken in one transaction.
const BATCH: usize = 500;

/// What has come.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Events, as the relay published them.
    pub frames: Vec<Vec<u8>>,
    /// Where the last of them stands.
    pub position: Option<Position>,
    /// Everything that the journal had has been delivered.
    pub is_caught_up: bool,
    /// The connection broke; what comes is not all that there is until everything is delivered again.
    pub is_disconnected: bool,
}

/// Waits for the next update, and takes those behind it that are there already. `None` once the
/// subscription has ended.
///
/// # Errors
///
/// The subscription cannot go on.
pub async fn next_batch(
    subscription: &mut Subscription,
) -> Result<Option<Arrived>, SubscriptionError> {
    let Some(first) = subscription.next().await else { return Ok(None) };
    let mut arrived = Arrived::default();
    arrived.add(first?);
    while arrived.frames.len() < BATCH && !arrived.is_caught_up {
        let Some(update) = subscription.try_next() else { break };
        arrived.add(update?);
    }
    Ok(Some(arrived))
}

/// The position up to where the relay has confirmed its journal: live events say themselves where
/// they stand, and could say anything.
pub(crate) fn confirmed(subscription: &Subscription, position: Position) -> Option<Position> {
    let last = subscription.confirmed()?;
    (position.journal == last.journal)
        .then(|| Position { seq: position.seq.min(last.seq), ..position })
}

impl Arrived {
    fn add(&mut self, update: Update) {
        match update {
            Update::Event(delivery) => {
                self.position = delivery.position().or(self.position);
                self.frames.push(delivery.frame().to_vec());
            }
            Update::CaughtUp(position) => {
                self.position = Some(position);
                self.is_caught_up = true;
            }
            other => {
                self.is_disconnected |= matches!(other, Update::Disconnected);
                report(&other);
            }
        }
    }
}

fn report(update: &Update) {
    match update {
        Update::Lost { after, before } => {
            let (first, last) = (after.next(), Seq(before.0.saturating_sub(1)));
            tracing::error!(%first, %last, "events are lost: the relay does not have them any more");
        }
        Update::JournalChanged { from, to } => {
            tracing::warn!(%from, %to, "the relay has another journal; reading on in it");
        }
        Update::Refused { seq, reason } => {
            tracing::debug!(seq = seq.map(|seq| seq.0), reason, "an event was refused");
        }
        Update::Connected => tracing::info!("connected to the relay"),
        Update::Disconnected => tracing::warn!("disconnected from the relay; trying again"),
        Update::HandshakeFailed(failure) => {
            tracing::warn!(%failure, "cannot connect to the relay; trying again");
        }
        Update::ReplaySilent => tracing::warn!("the relay does not answer; trying again"),
        _ => {}
    }
}
