//! One room's messages, in order.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use laniakea_daemon::Clock;
use tokio::sync::watch;

use super::{Homeserver, Pause, SendError};
use crate::{
    compose::Budget,
    settings::Settings,
    store::{Composed, Pending, SharedStore, StoreError},
};

/// Homeservers remember transaction ids for a day. A message that was tried earlier than this is
/// looked for in the room before it is sent again.
const TRANSACTION_AGE: SignedDuration = SignedDuration::from_hours(20);
/// A clock that jumps must not keep a room waiting: it is looked at anew after so long.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Messages cannot be sent any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The account is logged out.
    #[error(transparent)]
    LoggedOut(SendError),
    /// The database.
    #[error("the outbox cannot be used")]
    Store(#[from] StoreError),
}

/// Composes and sends one room's messages.
pub struct Worker<H> {
    /// The room's name.
    pub room: String,
    /// The outbox.
    pub store: SharedStore,
    /// Where messages go.
    pub homeserver: Arc<H>,
    /// How they look.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Says that something waits.
    pub changes: watch::Receiver<u64>,
    /// The account's rate limit.
    pub pause: Pause,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// What the room may get.
    pub budget: Budget,
}

/// What to do next.
enum Step {
    Again,
    Wait(Option<Timestamp>),
}

impl<H: Homeserver> Worker<H> {
    /// Works until it is dropped, which it may be at any time: a message that was on its way is
    /// sent again by the next one, with the same transaction id.
    ///
    /// # Errors
    ///
    /// See [`SinkError`].
    pub async fn run(mut self) -> Result<(), SinkError> {
        self.enter().await?;
        loop {
            // Before looking: what comes meanwhile wakes us.
            self.changes.mark_unchanged();
            self.settings.mark_unchanged();
            match self.step().await? {
                Step::Again => {}
                Step::Wait(until) => self.sleep(until).await,
            }
        }
    }

    /// Goes into the room, for as long as it takes: people want to see the bot there before there
    /// is anything to post.
    async fn enter(&mut self) -> Result<(), SinkError> {
        let mut failures = 0;
        loop {
            self.settings.mark_unchanged();
            match self.homeserver.enter(&self.room).await {
                Ok(_) => return Ok(()),
                Err(error @ SendError::LoggedOut(_)) => return Err(SinkError::LoggedOut(error)),
                Err(error) => {
                    failures += 1;
                    self.wait_after(failures, error).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Step, SinkError> {
        let room = self.room.clone();
        if let Some(message) = self.store.with(move |store| store.pending(&room)).await? {
            self.deliver(&message).await?;
            return Ok(Step::Again);
        }
        let now = self.clock.now();
        let settings = self.settings.borrow().clone();
        let Some(style) = settings.style(&self.room) else { return Ok(Step::Wait(None)) };
        let room = self.room.clone();
        let quiet = settings.quiet_until(&room, now);
        let mut budget = self.budget.clone();
        let (composed, budget) = self
            .store
            .with(move |store| {
                let state = store.room(&room)?;
                let muted = state.muted_until.filter(|until| *until > now);
                if let Some(until) = muted.max(quiet) {
                    store.hold(&room)?;
                    return Ok((Composed::Later(until), budget));
                }
                let room_id = state.room_id.as_deref();
                Ok((store.compose(&style, room_id, &mut budget, now)?, budget))
            })
            .await?;
        self.budget = budget;
        Ok(match composed {
            Composed::Messages => Step::Again,
            Composed::Nothing => Step::Wait(None),
            Composed::Later(until) => Step::Wait(Some(until)),
        })
    }

    async fn sleep(&mut self, until: Option<Timestamp>) {
        let wait = until.map_or(LONGEST_WAIT, |until| {
            let left = until.duration_since(self.clock.now());
            Duration::try_from(left).unwrap_or_default().min(LONGEST_WAIT)
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // An error means that the program ends.
            changed = self.changes.changed() => drop(changed),
            changed = self.settings.changed() => drop(changed),
        }
    }

    /// Sends a message, for as long as it takes.
    async fn deliver(&mut self, message: &Pending) -> Result<(), SinkError> {
        let (mut failures, mut limited) = (0, 0);
        let mut tried = message.attempted.clone();
        loop {
            self.pause.wait().await;
            match self.attempt(message, &mut tried).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(room = self.room, "messages can be sent again");
                    }
                    return Ok(());
                }
                Err(Failure::Store(error)) => return Err(error.into()),
                Err(Failure::Send(error @ SendError::Limited(_))) => {
                    limited += 1;
                    let pause = error.pause(limited);
                    tracing::debug!(room = self.room, ?pause, "the homeserver wants a pause");
                    self.pause.extend(pause);
                }
                Err(Failure::Send(SendError::Refused(cause))) => {
                    let problem = format!("{cause:#}");
                    tracing::error!(
                        room = self.room,
                        txn = message.txn,
                        problem,
                        "the homeserver refuses a message; it was set aside"
                    );
                    let row = message.row;
                    self.store.with(move |store| store.set_aside(row, &problem)).await?;
                    return Ok(());
                }
                Err(Failure::Send(error @ SendError::LoggedOut(_))) => {
                    return Err(SinkError::LoggedOut(error));
                }
                Err(Failure::Send(error)) => {
                    failures += 1;
                    self.wait_after(failures, error).await;
                }
            }
        }
    }

    async fn wait_after(&mut self, failures: u32, error: SendError) {
        let pause = error.pause(failures);
        if failures == 1 {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(room = self.room, error, "the room waits");
        }
        // An invitation or a reload may have let us into the room.
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = self.settings.changed() => drop(changed),
        }
    }

    /// Tries once. What was tried before may have arrived without our knowing.
    async fn attempt(
        &self,
        message: &Pending,
        tried: &mut Option<(Timestamp, String)>,
    ) -> Result<(), Failure> {
        let room_id = self.homeserver.enter(&self.room).await?;
        let now = self.clock.now();
        let device = self.homeserver.device().to_owned();
        let row = message.row;
        if let Some((at, by)) = tried {
            let is_forgotten = now.duration_since(*at) > TRANSACTION_AGE || *by != device;
            if is_forgotten
                && let Some(event_id) = self.homeserver.find(&room_id, &message.txn, *at).await?
            {
                tracing::info!(room = self.room, event_id, "a message had arrived already");
                return self.note_sent(row, room_id, event_id).await;
            }
        } else {
            // From here on the homeserver may have it, whatever becomes of us.
            let by = device.clone();
            self.store.with(move |store| store.attempting(row, &by, now)).await?;
            *tried = Some((now, device));
        }
        let event_id = self.homeserver.send(&room_id, &message.txn, &message.content).await?;
        tracing::debug!(room = self.room, event_id, txn = message.txn, "a message was sent");
        self.note_sent(row, room_id, event_id).await
    }

    async fn note_sent(&self, row: i64, room_id: String, event_id: String) -> Result<(), Failure> {
        let now = self.clock.now();
        Ok(self.store.with(move |store| store.sent(row, &room_id, &event_id, now)).await?)
    }
}

/// Whose fault it is.
enum Failure {
    Send(SendError),
    Store(StoreError),
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[cfg(test)]
mod tests;
