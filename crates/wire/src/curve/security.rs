//! A client's side of an encrypted connection.

use std::path::{Path, PathBuf};

use laniakea_event::keys::{CurveKeys, KeyFile, KeyFileError};
use laniakea_zmtp::curve::{KeyPair, PublicKey, SecretKey};

use super::{CurveKey, CurvePair, InvalidCurveKey, InvalidCurvePair};

/// How a client connects.
#[derive(Debug, Clone, Default)]
pub enum Security {
    /// In the clear.
    #[default]
    Plain,
    /// Encrypted, to a server that has this key and no other.
    Curve {
        /// The server's key.
        server: CurveKey,
        /// By which the server knows the client.
        own: CurvePair,
    },
}

/// A key file cannot be used for encrypted connections.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecurityError {
    /// The file cannot be used at all.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// Its owner chose to sign only, or the secret half is needed.
    #[error("the key file {} has no {half} CURVE key", path.display())]
    NoCurveKeys {
        /// The file.
        path: PathBuf,
        /// Which key is missing.
        half: &'static str,
    },
    /// What it has is no key.
    #[error("the CURVE key in {} is wrong", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidCurveKey,
    },
    /// What it has are no keys that belong together.
    #[error("the CURVE keys in {} are wrong", path.display())]
    Pair {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidCurvePair,
    },
}

impl Security {
    /// Encrypted with the CURVE keys of a secret key file.
    ///
    /// # Errors
    ///
    /// The file cannot be used, others can read it, or it has no such keys.
    pub fn with_key_file(server: CurveKey, own: &Path) -> Result<Self, SecurityError> {
        Ok(Self::Curve { server, own: CurvePair::load(own)? })
    }

    /// How a connection is guarded.
    pub(crate) fn of_client(&self) -> laniakea_zmtp::Security {
        match self {
            Self::Plain => laniakea_zmtp::Security::NullClient,
            Self::Curve { server, own } => laniakea_zmtp::Security::CurveClient {
                own: KeyPair::of(SecretKey::from_bytes(own.secret)),
                server: PublicKey::from_bytes(server.0),
            },
        }
    }
}

impl CurveKey {
    /// The public CURVE key of a key file.
    ///
    /// # Errors
    ///
    /// The file cannot be used, or has no such key.
    pub fn load(path: &Path) -> Result<Self, SecurityError> {
        let path = path.to_owned();
        let Some(CurveKeys { public, .. }) = KeyFile::load(&path)?.curve else {
            return Err(SecurityError::NoCurveKeys { path, half: "public" });
        };
        Self::parse(&public).map_err(|source| SecurityError::Key { path, source })
    }
}

impl CurvePair {
    /// The CURVE keys of a secret key file.
    ///
    /// # Errors
    ///
    /// The file cannot be used, others can read it, or it has no such keys.
    pub fn load(path: &Path) -> Result<Self, SecurityError> {
        let path = path.to_owned();
        let keys = KeyFile::load_secret(&path)?.curve;
        let Some(CurveKeys { public, secret: Some(secret) }) = keys else {
            return Err(SecurityError::NoCurveKeys { path, half: "secret" });
        };
        Self::parse(&public, &secret).map_err(|source| SecurityError::Pair { path, source })
    }
}
