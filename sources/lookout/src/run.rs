//! The daemon's work, from one configuration to the next.

use std::sync::{Arc, Mutex};

use laniakea_daemon::Clock;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc, watch},
};

use crate::{
    announce::Announcer,
    config::Config,
    drain::{Drain, DrainError, keep_empty},
    stop::Stop,
    store::Store,
    visit::Visitor,
    watch::{WatchError, watch},
};

/// The work cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Looking at archives.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Sending events.
    #[error(transparent)]
    Drain(#[from] DrainError),
}

/// Everything that follows from a configuration and has been checked.
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// Signs the events.
    pub announcer: Announcer,
    /// Sends them.
    pub drain: Drain,
}

/// Works with `first` until `stop` is over, and with each setup that comes by `reloads` from then on.
///
/// # Errors
///
/// See [`RunError`].
pub async fn run(
    first: Setup,
    store: Arc<Mutex<Store>>,
    clock: Arc<dyn Clock>,
    mut reloads: mpsc::Receiver<Setup>,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    tokio::pin!(stop);
    let mut current = first;
    loop {
        let ending = watch::Sender::new(false);
        let work = work(current, store.clone(), clock.clone(), Stop::new(ending.subscribe()));
        tokio::pin!(work);
        let next = tokio::select! {
            outcome = &mut work => return outcome,
            Some(next) = reloads.recv() => Some(next),
            () = &mut stop => None,
        };
        ending.send_replace(true);
        work.await?;
        match next {
            Some(next) => current = next,
            None => return Ok(()),
        }
    }
}

async fn work(
    setup: Setup,
    store: Arc<Mutex<Store>>,
    clock: Arc<dyn Clock>,
    stop: Stop,
) -> Result<(), RunError> {
    let filled = Arc::new(Notify::new());
    let visitor = Visitor {
        store,
        announcer: setup.announcer,
        clock,
        runtime: Handle::current(),
        stop: stop.clone(),
    };
    let watching = watch(&setup.config, visitor, filled.clone(), stop.clone());
    let sending = keep_empty(setup.drain, filled, stop);
    tokio::try_join!(async { Ok::<_, RunError>(watching.await?) }, async { Ok(sending.await?) })?;
    Ok(())
}
