//! `lookout run`

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use laniakea_daemon::{Clock, Lifecycle, SystemClock, runtime};
use lookout::{
    config::Config,
    run::{Setup, run as work},
    store::Store,
};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::{Failure, announcer, drain, load, open_store, reload};

/// What a running lookout keeps from one configuration to the next.
#[derive(Clone)]
struct App {
    store: Arc<Mutex<Store>>,
    clock: Arc<dyn Clock>,
}

impl App {
    /// Everything that can be wrong with a configuration is found here.
    fn set_up(&self, config: Config) -> Result<Setup> {
        let announcer = announcer(&config)?;
        let drain = drain(&config, self.store.clone(), self.clock.clone())?;
        Ok(Setup { config, announcer, drain })
    }
}

pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let config = load(path).map_err(Failure::usage)?;
    let data_dir = config.data_dir.clone();
    let app =
        App { store: Arc::new(Mutex::new(open_store(&config)?)), clock: Arc::new(SystemClock) };
    let setup = app.set_up(config).map_err(Failure::usage)?;

    let runtime = runtime(2)?;
    runtime.block_on(async {
        let mut lifecycle = Lifecycle::new()?;
        let (new_setups, reloads) = mpsc::channel(1);
        let mut stopping = lifecycle.stopping();
        info!(
            signer = %setup.announcer.key.signer(),
            archives = setup.config.archives.len(),
            endpoint = setup.config.submit.endpoint,
            "watching"
        );
        let (store, clock) = (app.store.clone(), app.clock.clone());
        lifecycle.spawn("watching", async move {
            Ok(work(setup, store, clock, reloads, stopping.wait()).await?)
        });
        let path = path.to_owned();
        let take_up = move || match reload(&path).and_then(|config| {
            if config.data_dir != data_dir {
                warn!("data_dir changes only when lookout is started again");
            }
            app.set_up(config)
        }) {
            // If the one before has not been taken up yet, it is as good: SIGHUP again.
            Ok(setup) => drop(new_setups.try_send(setup)),
            Err(error) => error!("going on with the old configuration: {error:#}"),
        };
        lifecycle.run(take_up, || {}).await
    })?;
    info!("stopped");
    Ok(())
}
