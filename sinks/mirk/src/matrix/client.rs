//! The SDK's client, with our settings and store.

use std::{ops::Deref, path::Path, time::Duration};

use laniakea_event::{decode_base64, encode_base64};
use matrix_sdk::{
    Client, ClientBuildError, ClientBuilder, SqliteStoreConfig, ThreadingSupport,
    config::RequestConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
};

use super::{
    Session,
    line::{Line, LineError},
    secret_file::{SecretFileError, damaged, read_secret, write_secret},
};
use crate::config::Config;

/// No request takes longer, the waiting one of `/sync` aside.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Connections of the SDK to each of its databases. Few are enough, and each costs memory.
const POOL: usize = 4;

/// There is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// There is no key for the store.
    #[error("there is no key {0} for the encryption store")]
    NoKey(String),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Random(#[source] getrandom::Error),
    /// There is no way to the homeserver.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The SDK could not open its store, or does not like the address.
    #[error("could not open the encryption store")]
    Build(#[source] Box<ClientBuildError>),
    /// The store belongs to another session.
    #[error("the encryption store does not fit the session")]
    Restore(#[source] Box<matrix_sdk::Error>),
}

/// The SDK's client, and the line that all its requests go over.
pub(super) struct Connection {
    client: Client,
    _line: Line,
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A client with nothing but an address.
pub(super) async fn bare(config: &Config) -> Result<Connection, ClientError> {
    build(config, |builder| builder).await
}

/// A client with its store.
pub(super) async fn with_store(
    config: &Config,
    key: &[u8; 32],
    settings: EncryptionSettings,
) -> Result<Connection, ClientError> {
    let store = SqliteStoreConfig::new(config.store_dir()).key(Some(key)).pool_max_size(POOL);
    let with_store = |builder: ClientBuilder| {
        builder
            .sqlite_store_with_config_and_cache_path(store, None::<&Path>)
            .with_encryption_settings(settings)
    };
    build(config, with_store).await
}

/// The client of a session that is there.
pub(super) async fn restore(config: &Config, session: &Session) -> Result<Connection, ClientError> {
    let key_file = config.store_key_file();
    let key =
        read_key(&key_file)?.ok_or_else(|| ClientError::NoKey(key_file.display().to_string()))?;
    let client = with_store(config, &key, EncryptionSettings::default()).await?;
    let restored = client.restore_session(session.to_sdk()).await;
    restored.map_err(|error| ClientError::Restore(Box::new(error)))?;
    Ok(client)
}

/// What a login needs beside that: keys that vouch for the device, and a backup of room keys.
pub(super) fn login_settings() -> EncryptionSettings {
    EncryptionSettings {
        auto_enable_cross_signing: true,
        auto_enable_backups: false,
        backup_download_strategy: BackupDownloadStrategy::Manual,
    }
}

async fn build(
    config: &Config,
    more: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Result<Connection, ClientError> {
    let homeserver = &config.matrix.homeserver;
    let line = Line::open(homeserver, config.matrix.max_answer())?;
    let builder = Client::builder()
        .homeserver_url(homeserver)
        .http_client(line.client())
        // It is where the configuration says, whatever it says itself.
        .respect_login_well_known(false)
        .request_config(RequestConfig::new().disable_retry().timeout(TIMEOUT))
        .with_threading_support(ThreadingSupport::Disabled);
    let built = more(builder).build().await;
    let client = built.map_err(|error| ClientError::Build(Box::new(error)))?;
    Ok(Connection { client, _line: line })
}

/// The key of the store, made if there is none.
pub(super) fn read_or_make_key(path: &Path) -> Result<[u8; 32], ClientError> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(ClientError::Random)?;
    write_secret(path, &format!("{}\n", encode_base64(&key)))?;
    Ok(key)
}

fn read_key(path: &Path) -> Result<Option<[u8; 32]>, ClientError> {
    let Some(text) = read_secret(path)? else { return Ok(None) };
    let key = decode_base64(text.trim()).and_then(|bytes| bytes.try_into().ok());
    match key {
        Some(key) => Ok(Some(key)),
        None => Err(damaged(path, "it is not the base64 of 32 bytes").into()),
    }
}
