//! Signatures by keys that are trusted and not valid now, and when they count nevertheless.

use jiff::Timestamp;

use super::{EventSignature, Signatures};
use crate::{
    KeyId, SignerId, Trust,
    base64::decode_base64,
    keys::{Standing, TrustedKey},
};

/// What an event claims that such a key signed; not verified yet.
pub(super) struct Retired<'a> {
    pub(super) signer: &'a SignerId,
    pub(super) key_id: &'a KeyId,
    pub(super) key: &'a TrustedKey,
    pub(super) standing: Standing,
    pub(super) text: &'a str,
}

/// What is known of how an event came to a consumer.
pub(super) struct Receipt {
    /// When a relay took it, as the relay's note says.
    pub(super) received: Option<Timestamp>,
    /// Whether a trusted relay signed it, with a key that is valid now.
    pub(super) has_relay: bool,
}

impl Retired<'_> {
    /// Why the signature does not count for a relay, or for whoever asks for valid keys.
    pub(super) fn describe(&self) -> String {
        let Self { signer, key_id, standing, .. } = self;
        format!("key {key_id} of {signer} {standing}")
    }

    /// Adds the signature to the good ones if it counts "as of": a source made it, the relay took
    /// the event while the key was valid, and a relay's signature proves that it took it.
    ///
    /// The note alone proves nothing, since nobody signed it. The relay's signature alone proves
    /// too little: a revocation can be dated back to the time at which the key was stolen.
    ///
    /// # Errors
    ///
    /// Why it does not count. That a signature is bad is passed over as well: whoever has the key
    /// no longer speaks for its signer, and could else make good events look bad.
    pub(super) fn add_as_of(
        &self,
        good: &mut Signatures,
        signed_bytes: &[u8],
        trust: &Trust,
        receipt: &Receipt,
    ) -> Result<(), String> {
        let mut detail = self.describe();
        match self.objection(trust, receipt) {
            Some(objection) => detail.push_str(&objection),
            None => match self.signature(signed_bytes) {
                Some(signature) => {
                    good.insert(self.signer.clone(), self.key_id.clone(), signature);
                    return Ok(());
                }
                None => detail.push_str(", and its signature does not verify"),
            },
        }
        Err(detail)
    }

    fn objection(&self, trust: &Trust, receipt: &Receipt) -> Option<String> {
        let was_valid_before = matches!(self.standing, Standing::Expired(_) | Standing::Revoked(_));
        if !was_valid_before || trust.is_relay(self.signer) {
            return Some(String::new());
        }
        let Some(received) = receipt.received else {
            return Some(", and no relay says when it took the event".to_owned());
        };
        if !self.key.validity.covers(received) {
            return Some(format!(", and the event was taken at {received}"));
        }
        (!receipt.has_relay).then(|| ", and no trusted relay signed the event".to_owned())
    }

    fn signature(&self, signed_bytes: &[u8]) -> Option<EventSignature> {
        let signature = EventSignature::try_from(decode_base64(self.text)?).ok()?;
        self.key.key.verifies(signed_bytes, &signature).then_some(signature)
    }
}
