//! When to look: at every suite at the start, those first that others are compared with, and then
//! at each in its own time.
//!
//! The first stage. There is one look at a suite at a time: two would tell the same change twice.

use std::{error::Error, sync::Arc, time::Duration};

use laniakea_daemon::growing_pause;
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet, spawn_blocking},
    time::sleep,
};
use tracing::{debug, error, info, warn};

use crate::{
    config::{Archive, Config, InvalidConfig},
    look::LookError,
    record::{FirstLook, RecordError},
    stop::Stop,
    store::StoreError,
    visit::{VisitError, Visitor},
};

/// After a failure the next look comes sooner than usual: mostly the archive was being updated.
const FIRST_RETRY: Duration = Duration::from_secs(30);

/// Watching cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The configuration was never checked.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A look panicked.
    #[error("a look failed badly")]
    Thread(#[from] JoinError),
}

/// Watches the archives of `config` until `stop`, and tells `filled` when there are events to send.
///
/// # Errors
///
/// See [`WatchError`]. An archive that cannot be read is no error: it is looked at again.
pub async fn watch(
    config: &Config,
    visitor: Visitor,
    filled: Arc<Notify>,
    stop: Stop,
) -> Result<(), WatchError> {
    let visitor = Arc::new(visitor);
    let mut suites = JoinSet::new();
    for (archive, suite) in config.in_order()? {
        let mut watched = WatchedSuite {
            archive: archive.clone(),
            suite: suite.to_owned(),
            visitor: visitor.clone(),
            filled: filled.clone(),
            stop: stop.clone(),
            failures: 0,
            last_failure: String::new(),
        };
        let pause = watched.look().await?;
        suites.spawn(watched.keep_looking(pause));
    }
    while let Some(outcome) = suites.join_next().await {
        outcome??;
    }
    Ok(())
}

struct WatchedSuite {
    archive: Archive,
    suite: String,
    visitor: Arc<Visitor>,
    filled: Arc<Notify>,
    stop: Stop,
    /// How many looks failed in a row, and how the last one did.
    failures: u32,
    last_failure: String,
}

impl WatchedSuite {
    async fn keep_looking(mut self, mut pause: Duration) -> Result<(), WatchError> {
        loop {
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.wait() => return Ok(()),
            }
            pause = self.look().await?;
        }
    }

    /// Looks once, and says how long to wait before the next time.
    async fn look(&mut self) -> Result<Duration, WatchError> {
        if self.stop.is_set() {
            return Ok(Duration::ZERO);
        }
        let (visitor, archive, suite) =
            (self.visitor.clone(), self.archive.clone(), self.suite.clone());
        let look = move || visitor.visit(&archive, &suite, FirstLook::Quiet);
        match spawn_blocking(look).await? {
            Ok(recorded) => {
                if recorded.is_some_and(|recorded| recorded.events > 0) {
                    self.filled.notify_one();
                }
                self.succeeded();
            }
            Err(VisitError::Record(_, RecordError::Store(error))) => return Err(error.into()),
            Err(_) if self.stop.is_set() => {}
            Err(error) => self.failed(&error),
        }
        Ok(self.pause())
    }

    fn succeeded(&mut self) {
        if self.failures > 0 {
            info!(suite = %self.archive.suite(&self.suite), "the suite can be read again");
        }
        self.failures = 0;
        self.last_failure.clear();
    }

    /// Logs a failure, and the same failure only once. One that looks like an attack is an error
    /// from the second time on: an archive that is being updated looks like one for a moment.
    fn failed(&mut self, failure: &VisitError) {
        self.failures += 1;
        let message = with_causes(failure);
        let suite = self.archive.suite(&self.suite);
        let repeated = message == self.last_failure;
        match (is_suspicious(failure), self.failures) {
            (true, 2) => error!(%suite, "{message}"),
            (true, 3..) if !repeated => error!(%suite, "{message}"),
            _ if !repeated => warn!(%suite, "{message}"),
            _ => debug!(%suite, failures = self.failures, "{message}"),
        }
        self.last_failure = message;
    }

    fn pause(&self) -> Duration {
        let interval = self.archive.interval.limit().unwrap_or(Duration::MAX);
        match self.failures {
            0 => interval,
            failures => growing_pause(FIRST_RETRY, failures, interval),
        }
    }
}

/// Whether somebody should look at it: the archive may be under attack, or forgotten.
fn is_suspicious(failure: &VisitError) -> bool {
    let VisitError::Look(_, error) = failure else { return false };
    matches!(**error, LookError::Verify(_) | LookError::Release(_))
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
