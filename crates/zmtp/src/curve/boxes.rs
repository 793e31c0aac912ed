//! The boxes of `NaCl`: `crypto_box` with a key that is computed once, and `crypto_secretbox`, which is
//! the same with a key that one has.
//!
//! The one file that knows the library
//! (`docs/decisions/0025-dryoc-for-the-boxes-of-curve.md`).

use dryoc::classic::crypto_box::{
    crypto_box_beforenm, crypto_box_detached_afternm_inplace,
    crypto_box_open_detached_afternm_inplace,
};
use zeroize::Zeroizing;

use super::{CurveError, PublicKey, SecretKey, nonce::Nonce};

/// By how much a box is longer than what is in it.
pub(super) const TAG_BYTES: usize = 16;

/// What seals and opens boxes between two keys, both ways. It is wiped when it goes.
#[derive(Clone)]
pub(super) struct BoxKey(Zeroizing<[u8; 32]>);

impl BoxKey {
    /// The key of the boxes between these two. This is what costs most of a handshake.
    pub(super) fn between(public: PublicKey, secret: &SecretKey) -> Result<Self, CurveError> {
        let key = crypto_box_beforenm(public.as_bytes(), secret.as_bytes());
        key.map(|key| Self(Zeroizing::new(key))).map_err(|_| CurveError::WeakKey)
    }

    /// The key of boxes that only we open.
    pub(super) fn of_ours(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Makes `data` unreadable, and returns what proves that it was not changed.
    pub(super) fn seal_in_place(&self, nonce: &Nonce, data: &mut [u8]) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        crypto_box_detached_afternm_inplace(data, &mut tag, nonce, &self.0);
        tag
    }

    /// Makes `data` readable again; `None` if it was sealed with something else, or changed. The
    /// proofs are compared in constant time.
    pub(super) fn open_in_place(
        &self,
        nonce: &Nonce,
        tag: &[u8; TAG_BYTES],
        data: &mut [u8],
    ) -> Option<()> {
        crypto_box_open_detached_afternm_inplace(data, tag, nonce, &self.0).ok()
    }

    /// A box of `plaintext`: the proof, and then the data.
    pub(super) fn seal(&self, nonce: &Nonce, plaintext: &[u8]) -> Vec<u8> {
        let mut sealed = [&[0; TAG_BYTES], plaintext].concat();
        let tag = self.seal_in_place(nonce, &mut sealed[TAG_BYTES..]);
        sealed[..TAG_BYTES].copy_from_slice(&tag);
        sealed
    }

    /// What is in a box.
    pub(super) fn open(&self, nonce: &Nonce, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (tag, data) = sealed.split_first_chunk()?;
        let mut data = Zeroizing::new(data.to_vec());
        self.open_in_place(nonce, tag, &mut data)?;
        Some(data)
    }
}

/// Shows nothing.
impl std::fmt::Debug for BoxKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BoxKey")
    }
}

#[cfg(test)]
mod tests;
