//! `mirk login`: makes this machine a device of the account, which others can trust.
//!
//! Nothing is kept before everything worked but the key of the store: the session is written last,
//! and a device that was made in vain is logged out again.

mod vouch;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use matrix_sdk::{
    Client, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    ruma::{OwnedUserId, api::client::keys::get_keys},
};
use tokio::time::timeout;

use super::{
    DeviceProblem, SecretFileError, Session,
    client::{self, ClientError, login_settings, read_or_make_key},
    device::note_device,
    failure::LONGEST_WORK,
    sync::settings,
};
use crate::{config::Config, store::SharedStore};

/// How the account is proven.
#[derive(Clone)]
pub enum Proof {
    /// Its password.
    Password(String),
    /// An access token, of a device that nothing has used yet.
    Token(String),
}

/// What becomes of the recovery key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// The account has one already: this.
    Known(String),
    /// It is made, and kept in this file.
    KeepIn(PathBuf),
    /// It is made, and shown once.
    Show,
}

/// What a login needs.
pub struct Login<'l> {
    /// The configuration.
    pub config: &'l Config,
    /// The database.
    pub store: &'l SharedStore,
    /// How the account is proven.
    pub proof: Proof,
    /// What becomes of the recovery key.
    pub recovery: Recovery,
    /// Whether the device that was there gives way to a new one.
    pub replace: bool,
    /// The time.
    pub now: Timestamp,
}

/// The login failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// There is a session already.
    #[error("{0} is logged in already")]
    LoggedIn(OwnedUserId),
    /// The homeserver does not believe the proof.
    #[error("the homeserver refuses the login")]
    Refused(#[source] Box<matrix_sdk::Error>),
    /// The proof is for somebody else.
    #[error("the token is of {found}, and the configuration names {wanted}")]
    WrongUser {
        /// Whose token it is.
        found: OwnedUserId,
        /// Who was wanted.
        wanted: OwnedUserId,
    },
    /// The token's device has keys that are not here.
    #[error("the device of the token has encryption keys already, which are not here")]
    UsedDevice,
    /// Only the password lets keys be made that vouch for the device.
    #[error("the homeserver wants the account's password for this")]
    PasswordNeeded,
    /// The account has a recovery key.
    #[error("the account has a recovery key already, and the device needs it")]
    RecoveryKeyNeeded,
    /// It is the wrong one.
    #[error("the recovery key does not fit")]
    WrongRecoveryKey(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The homeserver did not do as it was asked.
    #[error("could not {doing}")]
    Failed {
        /// What.
        doing: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The old store is in the way.
    #[error("could not remove {}", path.display())]
    Remove {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no room for the new one.
    #[error("could not make {}", path.display())]
    Make {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the new device.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The new device cannot be noted.
    #[error(transparent)]
    Device(#[from] DeviceProblem),
}

impl LoginError {
    fn failed(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { doing, source: source.into() }
    }
}

/// Logs in; returns the session, and the recovery key if one was made.
///
/// # Errors
///
/// See [`LoginError`].
pub async fn login(login: Login<'_>) -> Result<(Session, Option<String>), LoginError> {
    let config = login.config;
    let session_file = config.session_file();
    if login.replace {
        leave_old_device(config).await?;
    } else if let Some(session) = Session::load(&session_file)? {
        return Err(LoginError::LoggedIn(session.user_id));
    }
    // What an attempt that failed has left is no store of any device that will be used.
    remove_store(config)?;
    let key = read_or_make_key(&config.store_key_file())?;
    let directory = config.store_dir();
    make_store(&directory)?;
    let client = client::with_store(config, &key, login_settings()).await?;
    let outcome = timeout(LONGEST_WORK, set_up(&client, &login)).await;
    let outcome = outcome.unwrap_or_else(|_| {
        let problem = format!("the homeserver took longer than {} s", LONGEST_WORK.as_secs());
        Err(LoginError::failed("log in", problem))
    });
    if outcome.is_err() && matches!(login.proof, Proof::Password(_)) {
        // The password makes another one; nobody else needs this one.
        drop(client.matrix_auth().logout().await);
        drop(remove_store(config));
    }
    outcome
}

async fn set_up(
    client: &Client,
    login: &Login<'_>,
) -> Result<(Session, Option<String>), LoginError> {
    let session = prove(client, login).await?;
    client.encryption().wait_for_e2ee_initialization_tasks().await;
    let first_sync = client.sync_once(settings()).await;
    first_sync.map_err(|error| LoginError::failed("hear from the homeserver", error))?;
    let recovery_key = vouch::vouch(client, login).await?;
    note_device(login.config, &session, login.store, login.now)?;
    session.save(&login.config.session_file())?;
    Ok((session, recovery_key))
}

async fn prove(client: &Client, login: &Login<'_>) -> Result<Session, LoginError> {
    let wanted = &login.config.matrix.user;
    match &login.proof {
        Proof::Password(password) => {
            let auth = client.matrix_auth();
            let attempt = auth.login_username(wanted, password).initial_device_display_name("mirk");
            let response = attempt.await.map_err(|error| LoginError::Refused(Box::new(error)))?;
            Ok(Session {
                user_id: response.user_id,
                device_id: response.device_id,
                access_token: response.access_token,
            })
        }
        Proof::Token(token) => {
            let session = whose(login.config, token).await?;
            if session.user_id != *wanted {
                let (found, wanted) = (session.user_id, wanted.clone());
                return Err(LoginError::WrongUser { found, wanted });
            }
            client
                .restore_session(session.to_sdk())
                .await
                .map_err(|error| LoginError::Refused(Box::new(error)))?;
            Ok(session)
        }
    }
}

/// Whose token it is; one of a device that has been used is refused.
async fn whose(config: &Config, token: &str) -> Result<Session, LoginError> {
    let client = client::bare(config).await?;
    let tokens = SessionTokens { access_token: token.to_owned(), refresh_token: None };
    // Only the token is needed to ask whose it is.
    let meta = SessionMeta { user_id: config.matrix.user.clone(), device_id: "UNKNOWN".into() };
    let refused = |error: matrix_sdk::Error| LoginError::Refused(Box::new(error));
    client.restore_session(MatrixSession { meta, tokens }).await.map_err(refused)?;
    let answer = client.whoami().await.map_err(|error| refused(error.into()))?;
    let Some(device_id) = answer.device_id else {
        let problem = "the token belongs to no device";
        return Err(LoginError::failed("use the token", problem));
    };
    let mut request = get_keys::v3::Request::new();
    request.device_keys.insert(answer.user_id.clone(), vec![device_id.clone()]);
    let keys = client.send(request).await.map_err(|error| refused(error.into()))?;
    let known = keys.device_keys.get(&answer.user_id);
    if known.is_some_and(|devices| devices.contains_key(&device_id)) {
        return Err(LoginError::UsedDevice);
    }
    Ok(Session { user_id: answer.user_id, device_id, access_token: token.to_owned() })
}

/// Logs the device out that was there, if the homeserver still knows it.
async fn leave_old_device(config: &Config) -> Result<(), LoginError> {
    let path = config.session_file();
    let Some(session) = Session::load(&path).ok().flatten() else { return Ok(()) };
    let client = client::bare(config).await?;
    if client.restore_session(session.to_sdk()).await.is_ok()
        && let Err(error) = client.matrix_auth().logout().await
    {
        tracing::warn!(device = %session.device_id, %error, "the old device could not be logged out");
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(LoginError::Remove { path, source: error })
        }
        _ => Ok(()),
    }
}

/// Its files are for nobody else, whatever the umask.
fn make_store(path: &Path) -> Result<(), LoginError> {
    let made = fs::DirBuilder::new().mode(0o700).create(path);
    made.map_err(|source| LoginError::Make { path: path.to_owned(), source })
}

fn remove_store(config: &Config) -> Result<(), LoginError> {
    let path = config.store_dir();
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(LoginError::Remove { path, source: error })
        }
        _ => Ok(()),
    }
}
