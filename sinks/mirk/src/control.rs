//! What is in force, and how that changes while the bot runs.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use laniakea_daemon::TrustSource;
use tokio::sync::watch;

use crate::{
    config::Config,
    settings::Settings,
    store::{SharedStore, StoreError},
};

/// Holds the settings, and replaces them.
#[derive(Clone)]
pub struct Control {
    config_file: PathBuf,
    store: SharedStore,
    trust: Arc<TrustSource>,
    settings: watch::Sender<Arc<Settings>>,
    changes: watch::Sender<u64>,
    /// Held while settings are replaced: a reload and a command may come at once.
    replacing: Arc<Mutex<()>>,
}

impl Control {
    /// The settings of a configuration.
    ///
    /// # Errors
    ///
    /// The database fails, or a template cannot be used.
    pub fn new(
        config_file: PathBuf,
        config: Config,
        store: SharedStore,
        trust: Arc<TrustSource>,
    ) -> anyhow::Result<Self> {
        let settings = settings(Arc::new(config), &store)?;
        Ok(Self {
            config_file,
            store,
            trust,
            settings: watch::Sender::new(Arc::new(settings)),
            changes: watch::Sender::new(0),
            replacing: Arc::default(),
        })
    }

    /// The settings in force.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.borrow().clone()
    }

    /// The settings, and when they are replaced.
    pub fn watch_settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    /// Says that something waits for a room.
    pub fn changes(&self) -> watch::Sender<u64> {
        self.changes.clone()
    }

    /// The database.
    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// Wakes the rooms.
    pub fn wake(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Reads the configuration again (SIGHUP); if anything is wrong with it the old one stays.
    pub fn reload(&self) {
        match self.try_reload() {
            Ok(rooms) => tracing::info!(rooms, "reloaded"),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "not reloaded, the old rules stay");
            }
        }
    }

    fn try_reload(&self) -> anyhow::Result<usize> {
        let config = Config::reload(&self.config_file)?;
        let old = self.settings();
        let is_same_account = config.matrix.user == old.config.matrix.user
            && config.matrix.homeserver == old.config.matrix.homeserver;
        if !is_same_account
            || config.data_dir != old.config.data_dir
            || config.stream.publish != old.config.stream.publish
            || config.stream.replay != old.config.stream.replay
        {
            tracing::warn!("the account, data_dir and [stream] change only with a restart");
        }
        self.trust.replace(&config.trust).context("could not use [trust]")?;
        let rooms = config.rooms.len();
        self.replace(Arc::new(config))?;
        Ok(rooms)
    }

    /// Takes in rules that were made or removed by command.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let this = self.clone();
        let replaced =
            tokio::task::spawn_blocking(move || this.replace(this.settings().config.clone())).await;
        match replaced {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => error.downcast::<StoreError>().map_or(Ok(()), Err),
            Err(_) => Err(StoreError::Panicked),
        }
    }

    fn replace(&self, config: Arc<Config>) -> anyhow::Result<()> {
        let _guard = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        self.settings.send_replace(Arc::new(settings(config, &self.store)?));
        Ok(())
    }
}

/// The settings of a configuration. What waited for rooms that are no longer in it is dropped.
fn settings(config: Arc<Config>, store: &SharedStore) -> anyhow::Result<Settings> {
    let store = store.lock();
    let settings = Settings::new(config, &store.subscriptions()?)?;
    let rooms: Vec<&str> = settings.router.rooms().collect();
    let dropped = store.keep_rooms(&rooms)?;
    if dropped > 0 {
        tracing::warn!(dropped, "events for rooms that are no longer configured were dropped");
    }
    Ok(settings)
}
