//! Sends the outbox to the relay, in order, and forgets what the relay has on its disk.
//!
//! The last stage. What the relay will never take is set aside, loudly, so that the stream goes
//! on; while the relay is away everything waits.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use laniakea_daemon::{Clock, growing_pause};
use laniakea_wire::{
    WireError,
    curve::Security,
    submit::{Publisher, PublisherConfig, Receipt, SubmitError, is_final},
};
use tokio::{sync::Notify, task::JoinError, time::sleep};
use tracing::{debug, error, info, warn};

use crate::{
    stop::Stop,
    store::{Pending, Store, StoreError, lock},
};

/// How many events are read, and forgotten, at a time.
const BATCH: u32 = 100;
/// A relay that is there answers within milliseconds, and one that is busy within seconds.
const TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The outbox cannot be drained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrainError {
    /// The relay did not answer, or could not take the event now.
    #[error("the relay does not take events")]
    Submit(#[source] SubmitError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The relay's address makes no sense.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A thread that was reading the database panicked.
    #[error("reading the outbox failed")]
    Thread(#[from] JoinError),
}

/// What came of draining the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Events that the relay has.
    pub sent: usize,
    /// Events that it will never take.
    pub rejected: usize,
}

/// Sends what is in the outbox.
pub struct Drain {
    store: Arc<Mutex<Store>>,
    clock: Arc<dyn Clock>,
    publisher: Publisher,
}

impl Drain {
    /// Will send to the relay at `endpoint`, whether it is there yet or not.
    ///
    /// # Errors
    ///
    /// If the address makes no sense.
    pub fn new(
        store: Arc<Mutex<Store>>,
        clock: Arc<dyn Clock>,
        endpoint: &str,
        security: Security,
    ) -> Result<Self, WireError> {
        let config =
            PublisherConfig { security, timeout: TIMEOUT, ..PublisherConfig::new(endpoint) };
        let publisher = Publisher::connect(config)?;
        Ok(Self { store, clock, publisher })
    }

    /// Sends everything that is in the outbox, until `stop`.
    ///
    /// # Errors
    ///
    /// [`DrainError::Submit`] at the first event that the relay did not take for now; the others
    /// before it are sent, it and those behind it wait.
    pub async fn empty(&self, stop: &Stop) -> Result<Drained, DrainError> {
        let mut drained = Drained::default();
        loop {
            let batch = self.with_store(|store| store.pending(BATCH)).await?;
            if batch.is_empty() || stop.is_set() {
                return Ok(drained);
            }
            self.send(batch, &mut drained, stop).await?;
        }
    }

    /// Sends a batch in order. What was sent is forgotten even if the rest was not; a crash before
    /// that sends it again, and the relay answers "duplicate".
    async fn send(
        &self,
        batch: Vec<Pending>,
        drained: &mut Drained,
        stop: &Stop,
    ) -> Result<(), DrainError> {
        let mut last_sent = None;
        let mut outcome = Ok(());
        for pending in batch {
            match self.submit(&pending, stop).await {
                Some(Ok(receipt)) => {
                    debug!(event.digest = pending.digest, seq = %receipt.seq, "an event was sent");
                    last_sent = Some(pending.position);
                    drained.sent += 1;
                }
                Some(Err(SubmitError::Rejected { reason, detail })) if is_final(&reason) => {
                    drained.rejected += 1;
                    self.set_aside(pending, reason, detail).await?;
                }
                Some(Err(error)) => {
                    outcome = Err(DrainError::Submit(error));
                    break;
                }
                None => break,
            }
        }
        if let Some(position) = last_sent {
            self.with_store(move |store| store.sent(position)).await?;
        }
        outcome
    }

    /// `None` if the stop came first.
    async fn submit(&self, pending: &Pending, stop: &Stop) -> Option<Result<Receipt, SubmitError>> {
        tokio::select! {
            outcome = self.publisher.submit(pending.event.clone()) => Some(outcome),
            () = stop.wait() => None,
        }
    }

    async fn set_aside(
        &self,
        pending: Pending,
        reason: String,
        detail: String,
    ) -> Result<(), DrainError> {
        let detail: String = detail.chars().take(500).collect();
        error!(
            event.digest = pending.digest,
            reason,
            detail = detail.escape_debug().to_string(),
            "the relay will not take an event; it was set aside"
        );
        let now = self.clock.now();
        self.with_store(move |store| store.set_aside(&pending, &reason, &detail, now)).await
    }

    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, DrainError> {
        let store = self.store.clone();
        Ok(tokio::task::spawn_blocking(move || work(&mut lock(&store))).await??)
    }
}

/// Keeps the outbox empty until `stop`: at the start, when `filled` says so, and again and again
/// while the relay is away.
///
/// # Errors
///
/// Only if the database fails.
pub async fn keep_empty(drain: Drain, filled: Arc<Notify>, stop: Stop) -> Result<(), DrainError> {
    let mut failures = 0;
    while !stop.is_set() {
        let pause = match drain.empty(&stop).await {
            Ok(_) => {
                if failures > 0 {
                    info!("the relay takes events again");
                }
                failures = 0;
                None
            }
            Err(DrainError::Submit(error)) => {
                failures += 1;
                if failures == 1 && error.awaits_trust() {
                    error!(%error, "the relay does not trust this key for these events; they wait");
                } else if failures == 1 {
                    warn!(%error, "the relay does not take events; they wait");
                }
                Some(growing_pause(FIRST_PAUSE, failures, LONGEST_PAUSE))
            }
            Err(error) => return Err(error),
        };
        let wake_up = async {
            match pause {
                Some(pause) => sleep(pause).await,
                None => filled.notified().await,
            }
        };
        tokio::select! {
            () = wake_up => {}
            () = stop.wait() => {}
        }
    }
    Ok(())
}
