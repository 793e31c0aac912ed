//! Whether this encryption store is still that of this device, and the only one.
//!
//! A device that goes on with a store that was lost, copied or restored from a backup sends
//! messages that others cannot read or must not trust, and the SDK does not notice. So before
//! anything is sent, two things have to agree: the machine and the very file that the keys were
//! made in, which the database knows, and a *seal*, which lies beside the keys and with the
//! homeserver, and which each start replaces. Whoever starts from an old copy has an old seal.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use jiff::Timestamp;
use laniakea_event::encode_base64;
use matrix_sdk::{
    Client,
    ruma::{
        events::{AnyGlobalAccountDataEventContent, GlobalAccountDataEventType},
        serde::Raw,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{Account, SecretFileError, Session, failure::classify, read_secret, write_secret};
use crate::{
    config::Config,
    sink::{Homeserver as _, SendError},
    store::{Device, SharedStore, StoreError},
};

/// The SDK's file with the keys.
const CRYPTO_STORE: &str = "matrix-sdk-crypto.sqlite3";
/// Our file beside it.
const SEAL: &str = "seal.json";

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
    /// The seal cannot be read or kept.
    #[error(transparent)]
    Seal(#[from] SecretFileError),
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

/// Compares the session with what the machine has. Asks the homeserver nothing.
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
    let known = store.lock().device()?.filter(|device| device.name == name);
    let known = known.ok_or_else(|| DeviceProblem::Unknown(name.clone()))?;
    let found = look(config, session, known.created)?;
    if found == known { Ok(known) } else { Err(DeviceProblem::Copied(name)) }
}

/// Notes a device that was just made.
pub(super) fn note_device(
    config: &Config,
    session: &Session,
    store: &SharedStore,
    now: Timestamp,
) -> Result<(), DeviceProblem> {
    let device = look(config, session, now)?;
    Ok(store.lock().note_device(&device)?)
}

/// The device as the machine has it.
fn look(config: &Config, session: &Session, created: Timestamp) -> Result<Device, DeviceProblem> {
    let name = session.device_id.to_string();
    let directory = config.store_dir();
    let Ok(file) = fs::metadata(directory.join(CRYPTO_STORE)) else {
        let directory = directory.display().to_string();
        return Err(DeviceProblem::Lost { device: name, directory });
    };
    let machine = laniakea_files::read_text(Path::new("/etc/machine-id"), 4096);
    let machine = machine.unwrap_or_default().trim().to_owned();
    // An inode is used again once its file is gone; not with the same time of birth. Where the
    // file system does not know that, the seal has to do.
    let birth = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let birth = birth.map_or(0, |at| i64::try_from(at.as_nanos()).unwrap_or(i64::MAX));
    let inode = i64::try_from(file.ino()).unwrap_or(i64::MAX);
    Ok(Device { name, machine, inode, birth, created })
}

/// What the homeserver was told at the last start, and what it was to be told by a start that did
/// not get so far.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seal {
    current: Option<String>,
    next: Option<String>,
}

impl Seal {
    fn read(path: &Path) -> Result<Self, SecretFileError> {
        let text = read_secret(path)?;
        // A seal that cannot be read is none, and the homeserver will not agree.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn write(&self, path: &Path) -> Result<(), SecretFileError> {
        write_secret(path, &format!("{}\n", json!(self)))
    }

    fn is(&self, theirs: Option<&String>) -> bool {
        self.current.as_ref() == theirs || (theirs.is_some() && self.next.as_ref() == theirs)
    }
}

impl Account {
    /// Compares seals with the homeserver, and puts a new one in their place.
    ///
    /// # Errors
    ///
    /// See [`DeviceProblem`].
    pub async fn renew_seal(&self, store_dir: PathBuf) -> Result<(), DeviceProblem> {
        let path = store_dir.join(SEAL);
        let kind = GlobalAccountDataEventType::from(format!("org.laniakea.mirk.{}", self.device()));
        let seal = Seal::read(&path)?;
        let theirs = fetch_seal(&self.client, kind.clone()).await?;
        if !seal.is(theirs.as_ref()) {
            return Err(DeviceProblem::Stale(self.device().to_owned()));
        }
        let mut next = [0; 16];
        getrandom::fill(&mut next).map_err(DeviceProblem::Random)?;
        let next = encode_base64(&next);
        // A crash from here on leaves the homeserver with one of the two.
        Seal { current: theirs, next: Some(next.clone()) }.write(&path)?;
        let content = Raw::new(&json!({ "seal": next }))
            .map_err(|error| SendError::Unavailable(error.into()))?;
        let content: Raw<AnyGlobalAccountDataEventContent> = content.cast_unchecked();
        self.client.account().set_account_data_raw(kind, content).await.map_err(classify)?;
        Ok(Seal { current: Some(next), next: None }.write(&path)?)
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
