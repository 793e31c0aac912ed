//! What the relay believes and allows at present: trust and limits, reloaded while it runs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use anyhow::Context as _;
use laniakea_daemon::{Clock, TrustConfig, WatchedKeys, reload_config};
use laniakea_event::{Keyring, SigningKey, Trust};
use laniakea_wire::curve::{Clients, CurveKey};

use crate::config::{Config, LimitsConfig, UpstreamConfig};

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
    /// Whom the relay follows, until it is started again.
    upstream: Vec<UpstreamConfig>,
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
        let (policy, conflict) = parts.policy(&own_key)?;
        conflict.map_or(Ok(()), Err)?;
        let current = RwLock::new(Arc::new(policy));
        let source = Self {
            config_file: config_file.to_owned(),
            own_key,
            clock,
            current,
            clients: Clients::default(),
            upstream: config.upstream.clone(),
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
        let config: Config = reload_config(&self.config_file)?;
        config.validate()?;
        if config.upstream != self.upstream {
            tracing::warn!("[[upstream]] has changed: that takes effect with a restart");
        }
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let old_keys = if config.trust.keys_dir == parts.config.keys_dir {
            None
        } else {
            let keys = WatchedKeys::load(&config.trust.keys_dir)?;
            Some(std::mem::replace(&mut parts.keys, keys))
        };
        let old = std::mem::replace(&mut parts.config, config.trust);
        let old_limits = std::mem::replace(&mut parts.limits, config.limits);
        let outcome = self.read_keys(&mut parts);
        if outcome.is_err() {
            parts.config = old;
            parts.limits = old_limits;
            if let Some(keys) = old_keys {
                parts.keys = keys;
            }
            // Keys that changed count by the old rules all the same: one may have been revoked.
            self.apply(&parts)?;
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
        self.apply(parts)
    }

    fn apply(&self, parts: &Parts) -> anyhow::Result<()> {
        self.admit(parts);
        let (policy, conflict) = parts.policy(&self.own_key)?;
        if let Some(conflict) = conflict {
            tracing::error!(
                error = format!("{conflict:#}"),
                "a key in the directory is not trusted"
            );
        }
        let policy = Arc::new(policy);
        tracing::info!(keys = policy.trust.keyring().iter().count(), "trusted keys loaded");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = policy;
        Ok(())
    }
}

impl Parts {
    /// The relay's own key is trusted too, as that of a relay: its countersignature on an event
    /// that comes back is checked like any other.
    ///
    /// Another key under the relay's own name is left out and returned as an error beside the
    /// rules, so that it does not stand in the way of what else the directory says.
    fn policy(&self, own_key: &SigningKey) -> anyhow::Result<(Policy, Option<anyhow::Error>)> {
        let mut keyring = Keyring::default();
        keyring
            .insert(own_key.signer().clone(), own_key.key_id().clone(), own_key.verifying_key())
            .context("an empty ring has a key")?;
        let mut conflict = None;
        for (signer, key_id, key) in self.keys.keyring().iter() {
            let inserted = keyring.insert_with(signer.clone(), key_id.clone(), key.clone());
            let inserted =
                inserted.context("the key directory holds another key under the relay's own name");
            conflict = inserted.err().or(conflict);
        }
        let mut config = self.config.clone();
        let own_name = own_key.signer().as_str();
        if !config.relays.iter().any(|relay| relay == own_name) {
            config.relays.push(own_name.to_owned());
        }
        Ok((Policy { trust: config.table(keyring)?, limits: self.limits }, conflict))
    }
}
