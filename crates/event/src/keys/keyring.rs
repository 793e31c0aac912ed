//! The ring of trusted keys.

use std::collections::BTreeMap;

use super::{KeyId, SignerId, Validity, VerifyingKey};

/// The keys that are trusted, by signer and key id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring(BTreeMap<SignerId, BTreeMap<KeyId, TrustedKey>>);

/// A key, and when it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key.
    pub key: VerifyingKey,
    /// When it counts.
    pub validity: Validity,
}

/// The ring has another key of that signer and key id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{signer} already has another key with the id {key_id}")]
pub struct DuplicateKey {
    signer: SignerId,
    key_id: KeyId,
}

impl Keyring {
    /// Trusts a key at all times; the same key a second time changes nothing.
    pub fn insert(
        &mut self,
        signer: SignerId,
        key_id: KeyId,
        key: VerifyingKey,
    ) -> Result<(), DuplicateKey> {
        self.insert_with(signer, key_id, TrustedKey { key, validity: Validity::ALWAYS })
    }

    /// Trusts a key as long as it is valid; the same key a second time changes nothing.
    pub fn insert_with(
        &mut self,
        signer: SignerId,
        key_id: KeyId,
        key: TrustedKey,
    ) -> Result<(), DuplicateKey> {
        let keys = self.0.entry(signer.clone()).or_default();
        if keys.get(&key_id).is_some_and(|known| known.key != key.key) {
            return Err(DuplicateKey { signer, key_id });
        }
        keys.entry(key_id).or_insert(key);
        Ok(())
    }

    /// The signer as the ring spells it, and its keys.
    pub(crate) fn keys_of(
        &self,
        signer: &str,
    ) -> Option<(&SignerId, &BTreeMap<KeyId, TrustedKey>)> {
        self.0.get_key_value(signer)
    }

    /// Every key, by signer and key id.
    pub fn iter(&self) -> impl Iterator<Item = (&SignerId, &KeyId, &TrustedKey)> {
        self.0
            .iter()
            .flat_map(|(signer, keys)| keys.iter().map(move |(key_id, key)| (signer, key_id, key)))
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
