//! Secret keys.

use std::{fmt, path::Path};

use ed25519_dalek::Signer as _;

use super::{KeyFile, KeyFileError, KeyId, SignerId, VerifyingKey};
use crate::{base64::encode_base64, signatures::EventSignature};

/// A secret key and the name under which it signs.
#[derive(Clone)]
pub struct SigningKey {
    signer: SignerId,
    key_id: KeyId,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key with this 32-byte seed, which the caller took from a good random source.
    pub fn from_seed(signer: SignerId, key_id: KeyId, seed: &[u8; 32]) -> Self {
        Self { signer, key_id, key: ed25519_dalek::SigningKey::from_bytes(seed) }
    }

    /// Loads a secret key file; one that group or others can read is refused.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        KeyFile::load_secret(path)?.signing_key(path)
    }

    /// Who signs.
    pub fn signer(&self) -> &SignerId {
        &self.signer
    }

    /// Which of the signer's keys this is.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::from_signing(&self.key)
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> EventSignature {
        self.key.sign(message).to_bytes()
    }

    /// The seed as a secret key file has it.
    pub(crate) fn seed_to_base64(&self) -> String {
        encode_base64(self.key.as_bytes())
    }
}

/// Shows whose key it is and never the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("signer", &self.signer)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
