//! What the subscription has, as much as there is at a time.

use std::time::Instant;

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
    /// Everything has been delivered that the relay had taken by then.
    pub complete: Option<Instant>,
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
    while arrived.frames.len() < BATCH && !arrived.is_caught_up && arrived.complete.is_none() {
        let Some(update) = subscription.try_next() else { break };
        arrived.add(update?);
    }
    Ok(Some(arrived))
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
            Update::Complete { as_of } => self.complete = Some(as_of),
            other => other.log(),
        }
    }
}
