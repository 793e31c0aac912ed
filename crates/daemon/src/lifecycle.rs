//! From start to stop: signals, tasks, and what systemd is told.
//!
//! A soft stop (SIGTERM, SIGINT) cancels the token; the daemon then drains in stream order. A
//! second signal does not wait any longer. A task that fails stops the whole process, so that
//! systemd restarts it whole.

use std::{future::Future, io, time::Duration};

use anyhow::Context as _;
use sd_notify::NotifyState;
use tokio::{
    runtime::{Handle, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::Reloading;

/// The daemon cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// The system gave no thread to reload on.
    #[error("could not start the thread that reloads")]
    Reloading(#[source] io::Error),
    /// Signals could not be received.
    #[error("could not listen for signals")]
    Signals(#[source] io::Error),
    /// A task failed.
    #[error("{name} failed")]
    Task {
        /// Which.
        name: &'static str,
        /// Why.
        source: anyhow::Error,
    },
    /// A task ended although nobody stopped it.
    #[error("{name} ended unexpectedly")]
    Ended {
        /// Which.
        name: &'static str,
    },
    /// Draining took too long, or a second signal came.
    #[error("stopped before everything was drained")]
    Undrained,
}

const HANGUP: &str = "SIGHUP";

/// How often it is looked whether a reload takes long.
const LOOK: Duration = Duration::from_secs(1);
/// How long draining may take.
const DRAIN: Duration = Duration::from_secs(20);

type TaskOutcome = (&'static str, anyhow::Result<()>);

/// A runtime with so many threads. Few are enough: the work is waiting, for the network and for the
/// disk.
///
/// # Errors
///
/// The system gives no threads or no files.
pub fn runtime(threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().context("could not start the runtime")
}

/// The daemon's tasks, and the signal that ends them.
pub struct Lifecycle {
    stop: watch::Sender<bool>,
    tasks: JoinSet<TaskOutcome>,
    signals: Signals,
}

/// The signals that a daemon knows.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, LifecycleError> {
        let listen = |kind| signal(kind).map_err(LifecycleError::Signals);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => HANGUP,
        }
    }
}

/// Waits for the stop.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Returns when the daemon is to stop.
    pub async fn wait(&mut self) {
        // An error means that the lifecycle is gone, which is a stop too.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}

impl Lifecycle {
    /// Listens for signals from here on.
    pub fn new() -> Result<Self, LifecycleError> {
        Ok(Self {
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
            signals: Signals::new()?,
        })
    }

    /// Starts a task; if it ends before the stop, or fails, the process stops.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Starts a task on a thread of its own, for code that blocks.
    pub fn spawn_thread(
        &mut self,
        name: &'static str,
        task: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            drop(sender.send(task()));
        });
        self.tasks.spawn(async move {
            let outcome = match thread {
                Ok(_) => {
                    receiver.await.unwrap_or_else(|_| Err(anyhow::anyhow!("its thread panicked")))
                }
                Err(error) => Err(error.into()),
            };
            (name, outcome)
        });
    }

    /// Tells a task when the daemon is to stop.
    pub fn stopping(&self) -> Stopping {
        Stopping(self.stop.subscribe())
    }

    /// Tells systemd that the daemon is ready, and works until a signal or a failure.
    ///
    /// `reload` is called on SIGHUP, on a thread of its own: what it reads may take as long as it
    /// likes, and holds up neither the work nor the stop. `drain` is called when the daemon stops, whatever the reason: it ends
    /// the sources, so that the other tasks run dry in stream order.
    ///
    /// # Errors
    ///
    /// The first task that failed or ended by itself, or an unfinished drain.
    pub async fn run(
        mut self,
        mut reload: impl FnMut() + Send + 'static,
        drain: impl FnOnce(),
    ) -> Result<(), LifecycleError> {
        let runtime = Handle::current();
        let reloading = Reloading::start("the configuration", move || {
            let _entered = runtime.enter();
            reload();
        });
        let mut reloading = reloading.map_err(LifecycleError::Reloading)?;
        notify(&[NotifyState::Ready]);
        let outcome = self.work(&mut reloading).await;
        notify(&[NotifyState::Stopping]);
        self.stop.send_replace(true);
        drain();
        let drained = tokio::time::timeout(DRAIN, self.drain()).await;
        outcome?;
        drained.unwrap_or(Err(LifecycleError::Undrained))?;
        tracing::info!("stopped");
        Ok(())
    }

    async fn work(&mut self, reloading: &mut Reloading) -> Result<(), LifecycleError> {
        let mut look = tokio::time::interval(LOOK);
        let mut watchdog =
            sd_notify::watchdog_enabled().map(|limit| tokio::time::interval(limit / 3));
        loop {
            let beat = async {
                match &mut watchdog {
                    Some(watchdog) => watchdog.tick().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                signal = self.signals.next() => {
                    if signal != HANGUP {
                        tracing::info!(signal, "stopping");
                        return Ok(());
                    }
                    tracing::info!("reloading");
                    reloading.ask();
                }
                _ = look.tick() => reloading.watch(),
                _ = beat => notify(&[NotifyState::Watchdog]),
                Some(ended) = self.tasks.join_next() => {
                    let (name, outcome) = finished(ended);
                    outcome.map_err(|source| LifecycleError::Task { name, source })?;
                    return Err(LifecycleError::Ended { name });
                }
            }
        }
    }

    async fn drain(&mut self) -> Result<(), LifecycleError> {
        let mut first_failure = None;
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    None => return first_failure.map_or(Ok(()), Err),
                    Some(ended) => {
                        let (name, outcome) = finished(ended);
                        if let Err(source) = outcome {
                            first_failure.get_or_insert(LifecycleError::Task { name, source });
                        }
                    }
                },
                signal = self.signals.next() => if signal != HANGUP {
                    return Err(LifecycleError::Undrained);
                },
            }
        }
    }
}

fn finished(ended: Result<TaskOutcome, tokio::task::JoinError>) -> TaskOutcome {
    ended.unwrap_or_else(|error| ("a task", Err(error.into())))
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be notified");
    }
}
