//! The workers: one for each room that is configured, has rules made by command, or asked something.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use laniakea_daemon::Clock;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use super::{Homeserver, Pause, SinkError, Worker};
use crate::{
    compose::Budget,
    settings::Settings,
    store::{SharedStore, StoreError},
};

/// Keeps a worker for each room.
pub struct Rooms<H> {
    /// The outbox.
    pub store: SharedStore,
    /// Where messages go.
    pub homeserver: Arc<H>,
    /// Which rooms there are.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Says that something waits for a room.
    pub changes: watch::Receiver<u64>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl<H: Homeserver> Rooms<H> {
    /// Works until it is dropped.
    ///
    /// # Errors
    ///
    /// The first worker that cannot go on.
    pub async fn run(mut self) -> Result<(), SinkError> {
        let pause = Pause::default();
        let mut tasks: JoinSet<Result<(), SinkError>> = JoinSet::new();
        let mut running: BTreeMap<String, AbortHandle> = BTreeMap::new();
        loop {
            self.settings.mark_unchanged();
            let wanted = self.names().await?;
            running.retain(|room, task| {
                let is_wanted = wanted.contains(room);
                if !is_wanted {
                    task.abort();
                }
                is_wanted
            });
            for room in wanted {
                running
                    .entry(room.clone())
                    .or_insert_with(|| tasks.spawn(self.worker(room, pause.clone()).run()));
            }
            loop {
                tokio::select! {
                    changed = self.settings.changed() => {
                        if changed.is_err() {
                            return Ok(());
                        }
                        break;
                    }
                    Some(ended) = tasks.join_next() => match ended {
                        Ok(outcome) => outcome?,
                        Err(error) if error.is_cancelled() => {}
                        Err(_) => return Err(StoreError::Panicked.into()),
                    },
                }
            }
        }
    }

    fn worker(&self, room: String, pause: Pause) -> Worker<H> {
        Worker {
            room,
            store: self.store.clone(),
            homeserver: self.homeserver.clone(),
            settings: self.settings.clone(),
            changes: self.changes.clone(),
            pause,
            clock: self.clock.clone(),
            budget: Budget::default(),
        }
    }

    async fn names(&self) -> Result<BTreeSet<String>, StoreError> {
        let settings = self.settings.borrow().clone();
        let mut names: BTreeSet<String> =
            settings.config.rooms.iter().map(|room| room.room.to_string()).collect();
        names.extend(self.store.with(|store| store.rooms()).await?);
        Ok(names)
    }
}
