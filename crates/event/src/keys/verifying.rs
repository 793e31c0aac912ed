//! Public keys, and the one verdict on signatures.

use data_encoding::HEXLOWER;
use ed25519_dalek::Signature;
use sha2::{Digest as _, Sha256};

use crate::{
    base64::{decode_base64, encode_base64},
    signatures::EventSignature,
};

/// An Ed25519 public key that is fit to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

/// Why a public key is not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnfitKey {
    /// Not base64, or not of 32 bytes.
    #[error("the verify key is not the base64 of 32 bytes")]
    NotBase64,
    /// Not a point of the curve.
    #[error("the verify key is no point of the curve")]
    NotAPoint,
    /// Two encodings of one key would count as two keys.
    #[error("the verify key is not in canonical form")]
    NotCanonical,
    /// Anyone can make signatures that such a key verifies.
    #[error("the verify key is weak: it is of small order")]
    SmallOrder,
    /// Verifiers disagree about signatures of such a key.
    #[error("the verify key is of mixed order")]
    MixedOrder,
}

impl VerifyingKey {
    /// Reads the base64 of a key file and checks that the key is fit.
    pub fn parse(text: &str) -> Result<Self, UnfitKey> {
        let bytes = decode_base64(text).ok_or(UnfitKey::NotBase64)?;
        Self::from_bytes(&bytes.try_into().map_err(|_| UnfitKey::NotBase64)?)
    }

    /// Checks that the key is fit.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, UnfitKey> {
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| UnfitKey::NotAPoint)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(UnfitKey::NotCanonical);
        }
        if point.is_small_order() {
            return Err(UnfitKey::SmallOrder);
        }
        if !point.is_torsion_free() {
            return Err(UnfitKey::MixedOrder);
        }
        Ok(Self(key))
    }

    pub(crate) fn from_signing(key: &ed25519_dalek::SigningKey) -> Self {
        Self(key.verifying_key())
    }

    /// Whether this key made that signature over `message`, by the strict, cofactorless rule.
    pub fn verifies(&self, message: &[u8], signature: &EventSignature) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    /// The key as its file has it.
    pub fn to_base64(&self) -> String {
        encode_base64(self.0.as_bytes())
    }

    /// What two people compare over another channel before one trusts the other's key: the
    /// SHA-256 of the key's 32 bytes, in groups of four hex digits.
    pub fn fingerprint(&self) -> String {
        let hex = HEXLOWER.encode(&Sha256::digest(self.as_bytes()));
        let groups: Vec<&str> = (0..hex.len()).step_by(4).map(|at| &hex[at..at + 4]).collect();
        groups.join(" ")
    }

    /// The key's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_sha256_of_the_key_in_groups() {
        // The public key of RFC 8032, section 7.1, test 1; the digest is from `sha256sum`.
        let key = VerifyingKey::parse("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(
            key.fingerprint(),
            "21fe 31df a154 a261 626b f854 046f d227 1b7b ed4b 6abe 45aa 5887 7ef4 7f97 21b9"
        );
    }
}
