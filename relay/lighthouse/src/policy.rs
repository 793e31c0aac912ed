//! What the relay believes and allows at present: trust and limits, reloaded while it runs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use anyhow::Context as _;
use laniakea_daemon::{Clock, TrustConfig, WatchedKeys, load_config};
use laniakea_event::{SigningKey, Trust};
use laniakea_wire::curve::{Clients, CurveKey};

use crate::config::{Config, LimitsConfig};

/// One moment's rules; a group of events is judged by one of these as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) trust: Trust,
    pub(crate) limits: LimitsConfig,
}

/// The rules in force, and where they come from.
pub(crate) struct PolicySource {
    config_file: PathBuf,
    own_key: SigningKey,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<Policy>>,
    /// Who may connect to the encrypted endpoints.
    clients: Clients,
    /// What the rules were made of; held while they are made anew.
    parts: Mutex<Parts>,
}

struct Parts {
    config: TrustConfig,
    limits: LimitsConfig,
    keys: WatchedKeys,
}

impl PolicySource {
    /// Loads the rules at the start; whatever is wrong with them is an error.
    pub(crate) fn load(
        config: &Config,
        config_file: &Path,
        own_key: SigningKey,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let parts = Parts {
            keys: WatchedKeys::load(&config.trust.keys_dir)?,
            config: config.trust.clone(),
            limits: config.limits,
        };
        let current = RwLock::new(Arc::new(parts.policy(&own_key)?));
        let source = Self {
            config_file: config_file.to_owned(),
            own_key,
            clock,
            current,
            clients: Clients::default(),
            parts: Mutex::new(parts),
        };
        source.refresh_keys();
        Ok(source)
    }

    /// Who may connect to the encrypted endpoints, as of now and later on.
    pub(crate) fn clients(&self) -> Clients {
        self.clients.clone()
    }

    /// The rules in force.
    pub(crate) fn current(&self) -> Arc<Policy> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the configuration again (SIGHUP); if anything is wrong the old rules stay.
    pub(crate) fn reload(&self) {
        if let Err(error) = self.try_reload() {
            tracing::error!(error = format!("{error:#}"), "not reloaded, the old rules stay");
        }
    }

    fn try_reload(&self) -> anyhow::Result<()> {
        let config: Config = load_config(&self.config_file)?;
        config.validate()?;
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if config.trust.keys_dir != parts.config.keys_dir {
            parts.keys = WatchedKeys::load(&config.trust.keys_dir)?;
        }
        let old = std::mem::replace(&mut parts.config, config.trust);
        let old_limits = std::mem::replace(&mut parts.limits, config.limits);
        let outcome = self.read_keys(&mut parts);
        self.admit(&parts);
        if outcome.is_err() {
            parts.config = old;
            parts.limits = old_limits;
        }
        outcome
    }

    /// Looks whether the key directory changed, and if so reads it again; and whose time has come
    /// or is over.
    pub(crate) fn refresh_keys(&self) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.keys.have_changed()
            && let Err(error) = self.read_keys(&mut parts)
        {
            tracing::error!(error = format!("{error:#}"), "keys not reloaded, the old ones stay");
        }
        self.admit(&parts);
    }

    fn admit(&self, parts: &Parts) {
        let keys = parts.keys.curve_keys(self.clock.now());
        let known = keys.into_iter().filter_map(|(key, signer)| match CurveKey::parse(&key) {
            Ok(key) => Some((key, signer)),
            Err(error) => {
                tracing::debug!(%signer, %error, "a signer cannot connect");
                None
            }
        });
        self.clients.set(known.collect());
    }

    fn read_keys(&self, parts: &mut Parts) -> anyhow::Result<()> {
        parts.keys.reload()?;
        let policy = Arc::new(parts.policy(&self.own_key)?);
        tracing::info!(keys = policy.trust.keyring().iter().count(), "trusted keys loaded");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = policy;
        Ok(())
    }
}

impl Parts {
    /// The relay's own key is trusted too, as that of a relay: its countersignature on an event
    /// that comes back is checked like any other.
    fn policy(&self, own_key: &SigningKey) -> anyhow::Result<Policy> {
        let mut keyring = self.keys.keyring();
        keyring
            .insert(own_key.signer().clone(), own_key.key_id().clone(), own_key.verifying_key())
            .context("the key directory holds another key under the relay's own name")?;
        let mut config = self.config.clone();
        let own_name = own_key.signer().as_str();
        if !config.relays.iter().any(|relay| relay == own_name) {
            config.relays.push(own_name.to_owned());
        }
        Ok(Policy { trust: config.table(keyring)?, limits: self.limits })
    }
}
