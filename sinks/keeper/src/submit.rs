//! Sends the outbox to the relay, in order, and forgets what the relay has on its disk.
//!
//! While the relay is away everything waits. What it will never take is logged as an error and
//! dropped, so that the rest goes on.

use std::time::Duration;

use laniakea_daemon::{Stopping, growing_pause};
use laniakea_wire::{
    WireError,
    curve::Security,
    submit::{Publisher, PublisherConfig, SubmitError, is_final},
};
use tokio::sync::oneshot;

use crate::ledger::{LedgerError, Outgoing, SharedLedger};

/// How many events are read, and forgotten, at a time.
const BATCH: u32 = 100;
/// A relay that is there answers within milliseconds, and one that is busy within seconds.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long keeper's end waits for the relay to take what was said last.
const LAST: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Sends the outbox.
pub struct Submitter {
    ledger: SharedLedger,
    publisher: Publisher,
}

/// What came of sending what there was.
enum Sent {
    /// There is nothing more.
    All,
    /// The relay does not take this for now.
    Waits(SubmitError),
}

impl Submitter {
    /// Will send to the relay at `endpoint`, whether it is there yet or not.
    ///
    /// # Errors
    ///
    /// The address makes no sense.
    pub fn new(
        ledger: SharedLedger,
        endpoint: &str,
        security: Security,
    ) -> Result<Self, WireError> {
        let config =
            PublisherConfig { security, timeout: TIMEOUT, ..PublisherConfig::new(endpoint) };
        Ok(Self { ledger, publisher: Publisher::connect(config)? })
    }

    /// Sends whatever comes into the outbox, until nothing more does: `over` is closed then. What the
    /// relay does not take soon is sent by the next keeper.
    ///
    /// # Errors
    ///
    /// The ledger alone.
    pub async fn run(
        self,
        mut over: oneshot::Receiver<()>,
        mut stopping: Stopping,
    ) -> anyhow::Result<()> {
        tokio::select! {
            failed = self.work() => return Ok(failed?),
            _ = &mut over => {}
        }
        if let Ok(sent) = tokio::time::timeout(LAST, self.empty()).await {
            sent?;
        }
        // Whoever failed is told of, and not that this has ended.
        stopping.wait().await;
        Ok(())
    }

    async fn work(&self) -> Result<(), LedgerError> {
        let filled = self.ledger.lock().filled();
        let mut failures = 0;
        loop {
            let pause = match self.empty().await? {
                Sent::All => {
                    if failures > 0 {
                        tracing::info!("the relay takes keeper's events again");
                    }
                    failures = 0;
                    None
                }
                Sent::Waits(error) => {
                    failures += 1;
                    if failures == 1 {
                        report(&error);
                    }
                    Some(growing_pause(FIRST_PAUSE, failures, LONGEST_PAUSE))
                }
            };
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => filled.notified().await,
            }
        }
    }

    async fn empty(&self) -> Result<Sent, LedgerError> {
        loop {
            let batch = self.ledger.lock().outbox(BATCH)?;
            let Some(last) = batch.last().map(|outgoing| outgoing.place) else {
                return Ok(Sent::All);
            };
            let mut done = None;
            for outgoing in batch {
                let place = outgoing.place;
                if let Err(error) = self.send(outgoing).await {
                    if let Some(done) = done {
                        self.ledger.lock().sent(done)?;
                    }
                    return Ok(Sent::Waits(error));
                }
                done = Some(place);
            }
            self.ledger.lock().sent(last)?;
        }
    }

    /// Sends one. What the relay will never take counts as sent.
    async fn send(&self, outgoing: Outgoing) -> Result<(), SubmitError> {
        let Outgoing { digest, id, event, .. } = outgoing;
        match self.publisher.submit(event).await {
            Ok(receipt) => {
                tracing::debug!(
                    event.digest = %digest, seq = %receipt.seq, duplicate = receipt.duplicate,
                    "an event of keeper's own was sent"
                );
                Ok(())
            }
            Err(SubmitError::Rejected { reason, detail }) if is_final(&reason) => {
                let detail: String = detail.chars().take(500).collect();
                tracing::error!(
                    event.id = id, event.digest = %digest, reason,
                    detail = detail.escape_debug().to_string(),
                    "the relay will not take an event of keeper's own; it is dropped"
                );
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn report(error: &SubmitError) {
    if error.awaits_trust() {
        tracing::error!(%error, "the relay does not trust keeper's key for its events; they wait");
    } else {
        tracing::warn!(%error, "the relay does not take keeper's events; they wait");
    }
}
