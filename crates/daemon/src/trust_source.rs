//! Whom to believe, at present.

use std::sync::{Arc, Mutex, PoisonError};

use laniakea_event::Trust;

use crate::{TrustConfig, TrustError, WatchedKeys};

/// The trust table, made anew when the key directory or the configuration changes.
#[derive(Debug)]
pub struct TrustSource(Mutex<Parts>);

#[derive(Debug)]
struct Parts {
    config: TrustConfig,
    keys: WatchedKeys,
    table: Arc<Trust>,
}

impl TrustSource {
    /// Reads the keys at the start; any that cannot be used is an error.
    ///
    /// # Errors
    ///
    /// The directory or the rights cannot be used.
    pub fn load(config: &TrustConfig) -> Result<Self, TrustError> {
        Ok(Self(Mutex::new(Parts::load(config)?)))
    }

    /// The table in force. Looks whether the keys changed; if they cannot be read, those from
    /// before stay.
    pub fn current(&self) -> Arc<Trust> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.keys.have_changed()
            && let Err(error) = parts.reload()
        {
            tracing::error!(error = %error, "keys not reloaded, the old ones stay");
        }
        parts.table.clone()
    }

    /// Takes what another configuration says, if it can be used.
    ///
    /// # Errors
    ///
    /// It cannot; the old one stays.
    pub fn replace(&self, config: &TrustConfig) -> Result<(), TrustError> {
        let parts = Parts::load(config)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = parts;
        Ok(())
    }
}

impl Parts {
    fn load(config: &TrustConfig) -> Result<Self, TrustError> {
        let keys = WatchedKeys::load(&config.keys_dir)?;
        let table = Arc::new(config.table(keys.keyring())?);
        Ok(Self { config: config.clone(), keys, table })
    }

    fn reload(&mut self) -> Result<(), TrustError> {
        self.keys.reload()?;
        self.table = Arc::new(self.config.table(self.keys.keyring())?);
        tracing::info!(keys = self.table.keyring().iter().count(), "trusted keys loaded");
        Ok(())
    }
}
