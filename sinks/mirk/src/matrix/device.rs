//! Whether this encryption store is still that of this device, and the only one.
//!
//! A device that goes on with a store that was lost, copied or restored from a backup sends
//! messages that others cannot read or must not trust, and the SDK does not notice. So three things
//! have to agree before anything is sent: the machine and file that the store was made on, the
//! database's note of the last start, and the same note with the homeserver (the *seal*), which
//! each start replaces. Whoever starts from an old copy finds a seal that it does not know.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use jiff::Timestamp;
use laniakea_event::encode_base64;
use matrix_sdk::{
    Client,
    ruma::{
        events::{AnyGlobalAccountDataEventContent, GlobalAccountDataEventType},
        serde::Raw,
    },
};
use serde_json::{Value as Json, json};

use super::{Account, Session, failure::classify};
use crate::{
    config::Config,
    sink::{Homeserver as _, SendError},
    store::{Device, SharedStore, StoreError},
};

/// The SDK's file with the keys.
const CRYPTO_STORE: &str = "matrix-sdk-crypto.sqlite3";

/// The device must not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceProblem {
    /// Nobody has logged in.
    #[error("nobody has logged in yet: there is no session {0}")]
    NoSession(String),
    /// The keys are gone.
    #[error("the encryption store of device {device} is gone from {directory}")]
    Lost {
        /// The device.
        device: String,
        /// Where the store should be.
        directory: String,
    },
    /// The database knows another device, or none.
    #[error("the database does not know device {0}")]
    Unknown(String),
    /// The store is on another machine, or in another file.
    #[error("the encryption store of device {0} was copied here or restored from a backup")]
    Copied(String),
    /// Somebody else has started with a copy of this store.
    #[error(
        "device {0} was started from another copy of its encryption store since this one was used"
    )]
    Stale(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The homeserver.
    #[error("could not ask the homeserver about the device")]
    Homeserver(#[from] SendError),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Random(#[source] getrandom::Error),
}

/// Finds the session, and compares it with what the machine has. Asks the homeserver nothing.
///
/// # Errors
///
/// See [`DeviceProblem`].
pub fn prove_device(
    config: &Config,
    session: &Session,
    store: &SharedStore,
) -> Result<Device, DeviceProblem> {
    let name = session.device_id.to_string();
    let Some((machine, inode)) = whereabouts(&config.store_dir()) else {
        let directory = config.store_dir().display().to_string();
        return Err(DeviceProblem::Lost { device: name, directory });
    };
    let device = store.lock().device()?.filter(|device| device.name == name);
    let device = device.ok_or_else(|| DeviceProblem::Unknown(name.clone()))?;
    if (device.machine.as_str(), device.inode) != (machine.as_str(), inode) {
        return Err(DeviceProblem::Copied(name));
    }
    Ok(device)
}

/// Notes a device that was just made.
pub(super) fn note_device(
    config: &Config,
    session: &Session,
    store: &SharedStore,
    now: Timestamp,
) -> Result<(), DeviceProblem> {
    let name = session.device_id.to_string();
    let Some((machine, inode)) = whereabouts(&config.store_dir()) else {
        let directory = config.store_dir().display().to_string();
        return Err(DeviceProblem::Lost { device: name, directory });
    };
    let device = Device { name, machine, inode, seal: None, next_seal: None, created: now };
    Ok(store.lock().note_device(&device)?)
}

/// The machine and the file that hold the keys.
fn whereabouts(directory: &Path) -> Option<(String, i64)> {
    let file = fs::metadata(directory.join(CRYPTO_STORE)).ok()?;
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    Some((machine.trim().to_owned(), i64::try_from(file.ino()).unwrap_or(i64::MAX)))
}

impl Account {
    /// Compares seals with the homeserver, and puts a new one in their place.
    ///
    /// # Errors
    ///
    /// See [`DeviceProblem`].
    pub async fn renew_seal(&self) -> Result<(), DeviceProblem> {
        let kind = GlobalAccountDataEventType::from(format!("org.laniakea.mirk.{}", self.device()));
        let known = self.store.with(|store| store.device()).await?;
        let device = known.ok_or_else(|| DeviceProblem::Unknown(self.device().to_owned()))?;
        let theirs = fetch_seal(&self.client, kind.clone()).await?;
        let is_known = theirs == device.seal || (theirs.is_some() && theirs == device.next_seal);
        if !is_known {
            return Err(DeviceProblem::Stale(device.name));
        }
        let mut seal = [0; 16];
        getrandom::fill(&mut seal).map_err(DeviceProblem::Random)?;
        let seal = encode_base64(&seal);
        // A crash after this and before the next line is seen from either side of it.
        let next = seal.clone();
        self.store.with(move |store| store.plan_seal(&next)).await?;
        let content = Raw::new(&json!({ "seal": seal })).map_err(|error| {
            DeviceProblem::Homeserver(SendError::Unavailable(error.into()))
        })?;
        let content: Raw<AnyGlobalAccountDataEventContent> = content.cast_unchecked();
        self.client.account().set_account_data_raw(kind, content).await.map_err(classify)?;
        Ok(self.store.with(move |store| store.seal(&seal)).await?)
    }
}

async fn fetch_seal(
    client: &Client,
    kind: GlobalAccountDataEventType,
) -> Result<Option<String>, SendError> {
    let content = client.account().fetch_account_data(kind).await.map_err(classify)?;
    let seal = content.and_then(|content| content.deserialize_as_unchecked::<Json>().ok());
    Ok(seal.and_then(|content| Some(content.get("seal")?.as_str()?.to_owned())))
}
