//! A source's publisher that needs no relay: an event is on disk here first, and sent when the
//! relay is there.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use laniakea_wire::submit::{Publisher, PublisherConfig, SubmitError};
use tokio::{
    runtime::Builder,
    sync::Notify,
    time::{Instant, sleep},
};
use tracing::{debug, error, info, warn};

use crate::{
    Name, Spool, SpoolError,
    send::{SendError, Step, send},
};

/// How patiently to send.
#[derive(Debug, Clone)]
pub struct SpoolingConfig {
    /// The relay. Its `window` is of no use here: events leave one after the other.
    pub relay: PublisherConfig,
    /// The pause after the relay did not take an event; it doubles with each further time.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How often to look for what other processes left in the spool.
    pub look: Duration,
}

impl SpoolingConfig {
    /// Pauses of half a second to five, and a look every five seconds.
    pub fn new(relay: PublisherConfig) -> Self {
        Self {
            relay,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(5),
            look: Duration::from_secs(5),
        }
    }
}

/// Keeps events in a [`Spool`] and sends them in the background, also what other processes left
/// there. Several of them, and `lk emit --spool`, may share a spool: one sends at a time.
///
/// What becomes of the events is logged: an event that the relay rejected at `error`, a relay that
/// is away once at `warn`.
pub struct SpoolingPublisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    spool: Spool,
    is_stopped: AtomicBool,
    /// There is something to send, or the end has come.
    wake: Notify,
    /// What was told already; it stays where it is, and nobody waits for it.
    damaged: Mutex<BTreeSet<Name>>,
}

impl SpoolingPublisher {
    /// Begins to send what is in the spool.
    ///
    /// # Errors
    ///
    /// The endpoint is malformed, or the system gives no socket or thread.
    pub fn start(spool: Spool, config: SpoolingConfig) -> Result<Self, SpoolError> {
        let publisher = Publisher::connect(config.relay.clone())?;
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(SpoolError::Thread)?;
        let shared = Arc::new(Shared {
            spool,
            is_stopped: AtomicBool::new(false),
            wake: Notify::new(),
            damaged: Mutex::default(),
        });
        let sender = Sender { shared: shared.clone(), publisher, config, failures: 0 };
        let thread = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || runtime.block_on(sender.run()))
            .map_err(SpoolError::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps a signed event. It is on disk when this returns, and will be sent; this takes as
    /// long as two fsyncs, and blocks.
    ///
    /// # Errors
    ///
    /// It is no event, the spool is full, or cannot be written.
    pub fn put(&self, event: &[u8]) -> Result<Name, SpoolError> {
        let name = self.shared.spool.put(event)?;
        self.shared.wake.notify_one();
        Ok(name)
    }

    /// The spool, to look at.
    pub fn spool(&self) -> &Spool {
        &self.shared.spool
    }

    /// Waits until nothing waits any more, for at most `patience`, and says how many events are
    /// left. They are sent after the next start.
    ///
    /// # Errors
    ///
    /// The spool cannot be read.
    pub async fn close(self, patience: Duration) -> Result<usize, SpoolError> {
        let until = Instant::now() + patience;
        loop {
            let began = Instant::now();
            let left = self.shared.sendable()?;
            if left == 0 || Instant::now() >= until {
                return Ok(left);
            }
            // Looking at a full spool takes a while, and the sender looks too.
            sleep(Duration::from_millis(20).max(began.elapsed() * 10)).await;
        }
    }
}

impl Drop for SpoolingPublisher {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The thread that sends.
struct Sender {
    shared: Arc<Shared>,
    publisher: Publisher,
    config: SpoolingConfig,
    failures: u32,
}

impl Sender {
    async fn run(mut self) {
        let shared = self.shared.clone();
        while !shared.is_stopped.load(Ordering::Acquire) {
            let pass = self.pass();
            let outcome = tokio::select! {
                outcome = pass => outcome,
                () = shared.stopped() => return,
            };
            let pause = self.pause_after(outcome);
            let is_failing = self.failures > 0;
            tokio::select! {
                () = sleep(pause) => {}
                () = shared.stopped() => return,
                () = shared.wake.notified(), if !is_failing => {}
            }
        }
    }

    /// Sends everything that waits. Says whether it did: another process may be sending.
    async fn pass(&self) -> Result<Pass, SendError> {
        let shared = &self.shared;
        if shared.sendable()? == 0 {
            return Ok(Pass::Done);
        }
        let Some(turn) = shared.spool.turn()? else { return Ok(Pass::Busy) };
        let told = |step| tell(step, &mut shared.damaged());
        send(&shared.spool, &turn, &self.publisher, u64::MAX, told).await?;
        Ok(Pass::Done)
    }

    fn pause_after(&mut self, outcome: Result<Pass, SendError>) -> Duration {
        let failed = match outcome {
            Ok(pass) => {
                if std::mem::take(&mut self.failures) > 0 {
                    info!("the relay takes events again");
                }
                return match pass {
                    Pass::Done => self.config.look,
                    Pass::Busy => self.config.first_pause,
                };
            }
            Err(failed) => failed,
        };
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 {
            complain(failed);
        }
        let doubled = 2_u32.saturating_pow(self.failures - 1);
        self.config.first_pause.saturating_mul(doubled).min(self.config.longest_pause)
    }
}

enum Pass {
    Done,
    Busy,
}

impl Shared {
    /// How many events wait that can be sent.
    fn sendable(&self) -> Result<usize, SpoolError> {
        let waiting = self.spool.waiting()?;
        let damaged = self.damaged();
        Ok(waiting.into_iter().filter(|name| !damaged.contains(name)).count())
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<Name>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the thread shall end. The notice may be taken by another waiter, so that the
    /// flag is looked at too.
    async fn stopped(&self) {
        while !self.is_stopped.load(Ordering::Acquire) {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn complain(failed: SendError) {
    match failed {
        SendError::Submit(error @ SubmitError::Unreachable { .. }) => {
            warn!(%error, "the relay is away; events wait in the spool");
        }
        SendError::Submit(error) => {
            warn!(%error, "the relay does not take events now; they wait in the spool");
        }
        SendError::Spool(error) => {
            let error: &dyn std::error::Error = &error;
            error!(error, "the spool cannot be used");
        }
    }
}

fn tell(step: Step, damaged: &mut BTreeSet<Name>) {
    match step {
        Step::Sent(name, receipt) => {
            debug!(event.digest = %name.digest, seq = %receipt.seq, "an event was sent");
        }
        Step::Rejected(name, id, reason) => error!(
            event.id = id.as_str(),
            event.digest = %name.digest,
            reason = reason.reason.escape_debug().to_string(),
            detail = reason.detail.escape_debug().to_string(),
            "the relay will not take an event; it was set aside in the spool"
        ),
        Step::Damaged(found) => {
            if damaged.insert(found.name) {
                let path = found.path.display();
                error!(%path, problem = found.problem, "a file in the spool is damaged");
            }
        }
    }
}
