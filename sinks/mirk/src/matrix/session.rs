//! The session: which account and device this is, and the token that proves it.

use std::{fmt, path::Path};

use matrix_sdk::{
    SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    ruma::{OwnedDeviceId, OwnedUserId},
};
use serde::{Deserialize, Serialize};

use super::secret_file::{SecretFileError, damaged, read_secret, write_secret};

/// What `mirk login` obtained.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The account.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: OwnedDeviceId,
    /// The token.
    pub access_token: String,
}

impl Session {
    /// Reads the session; `None` if nobody has logged in yet.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be used.
    pub fn load(path: &Path) -> Result<Option<Self>, SecretFileError> {
        let Some(text) = read_secret(path)? else { return Ok(None) };
        let session = serde_json::from_str(&text)
            .map_err(|_| damaged(path, "it is no session; `mirk login --new-device` makes one"))?;
        Ok(Some(session))
    }

    /// Keeps the session.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), SecretFileError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|_| damaged(path, "a session could not be written as JSON"))?;
        write_secret(path, &format!("{text}\n"))
    }

    pub(super) fn to_sdk(&self) -> MatrixSession {
        MatrixSession {
            meta: SessionMeta { user_id: self.user_id.clone(), device_id: self.device_id.clone() },
            tokens: SessionTokens { access_token: self.access_token.clone(), refresh_token: None },
        }
    }
}

/// Does not show the token.
impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("user_id", &self.user_id)
            .field("device_id", &self.device_id)
            .finish_non_exhaustive()
    }
}
