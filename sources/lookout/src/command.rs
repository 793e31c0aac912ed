//! The commands, and what they have in common.

pub(crate) mod check;
pub(crate) mod discover;
pub(crate) mod once;
pub(crate) mod run;

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result};
use laniakea_daemon::{Clock, Failure, hostname, load_config, reload_config};
use laniakea_event::SigningKey;
use lookout::{announce::Announcer, config::Config, drain::Drain, store::Store};
use uuid::Uuid;

/// Loads and checks the configuration.
fn load(path: &Path) -> Result<Config> {
    validated(load_config(path)?, path)
}

/// The same for a lookout that runs.
fn reload(path: &Path) -> Result<Config> {
    validated(reload_config(path)?, path)
}

fn validated(config: Config, path: &Path) -> Result<Config> {
    config.validate().with_context(|| format!("{} makes no sense", path.display()))?;
    Ok(config)
}

/// The one who signs, as the configuration says.
fn announcer(config: &Config) -> Result<Announcer> {
    let key = SigningKey::load(&config.identity.key_file)?;
    let mut node = [0; 6];
    node.copy_from_slice(&Uuid::new_v4().as_bytes()[..6]);
    // Says that it is no network card's address.
    node[0] |= 1;
    Ok(Announcer { key, dialect: config.dialect, origin: hostname(), node })
}

/// Where the events go, and how.
fn drain(config: &Config, store: Arc<Mutex<Store>>, clock: Arc<dyn Clock>) -> Result<Drain> {
    let security = config.submit.security(&config.identity.key_file)?;
    Ok(Drain::new(store, clock, &config.submit.endpoint, security)?)
}

fn open_store(config: &Config) -> Result<Store, Failure> {
    Store::open(&config.data_dir).map_err(Failure::usage)
}
