//! Follows the stream, and hands on what has come, as much as there is at a time.

use std::time::Duration;

use laniakea_daemon::Stopping;
use laniakea_wire::subscription::{CursorError, Position, Subscription, SubscriptionError, Update};

use crate::{intake::Intake, store::StoreError};

/// So many events are kept in one transaction.
const BATCH: usize = 500;
/// How long the relay is given to confirm the last position.
const PATIENCE: Duration = Duration::from_secs(2);

/// The stream cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The subscription ended.
    #[error("the stream cannot be followed")]
    Subscription(#[from] SubscriptionError),
    /// The position cannot be kept.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The events cannot be kept.
    #[error("events cannot be kept")]
    Store(#[from] StoreError),
}

/// Works until it is told to stop.
///
/// # Errors
///
/// See [`FollowError`]. What was not kept comes again after a restart.
pub async fn follow(
    mut subscription: Subscription,
    intake: Intake,
    mut stopping: Stopping,
) -> Result<(), FollowError> {
    let outcome = loop {
        let update = tokio::select! {
            update = subscription.next() => update,
            () = stopping.wait() => break Ok(()),
        };
        let Some(update) = update else { break Ok(()) };
        if let Err(error) = take(&mut subscription, update, &intake).await {
            break Err(error);
        }
    };
    let closed = subscription.close(PATIENCE).await;
    outcome?;
    Ok(closed?)
}

/// Takes an update and those behind it that are there already.
async fn take(
    subscription: &mut Subscription,
    first: Result<Update, SubscriptionError>,
    intake: &Intake,
) -> Result<(), FollowError> {
    let mut batch = Batch::default();
    let mut failure = batch.add(first).err();
    while failure.is_none() && batch.frames.len() < BATCH {
        let Some(update) = subscription.try_next() else { break };
        failure = batch.add(update).err();
    }
    let Batch { frames, position } = batch;
    if !frames.is_empty() {
        // Live events say themselves where they stand, and could say anything: the position is
        // kept if the relay's journal has shown that it goes so far, else it follows by the cursor.
        let kept = position.filter(|position| subscription.is_confirmed(*position));
        intake.take(frames, kept).await?;
    }
    if let Some(position) = position {
        subscription.handled(position)?;
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// What has come.
#[derive(Default)]
struct Batch {
    frames: Vec<Vec<u8>>,
    position: Option<Position>,
}

impl Batch {
    fn add(&mut self, update: Result<Update, SubscriptionError>) -> Result<(), SubscriptionError> {
        match update? {
            Update::Event(delivery) => {
                self.position = delivery.position().or(self.position);
                self.frames.push(delivery.frame().to_vec());
            }
            Update::CaughtUp(position) => {
                self.position = Some(position);
                tracing::debug!(seq = %position.seq, "caught up");
            }
            other => other.log(),
        }
        Ok(())
    }
}
