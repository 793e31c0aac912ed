//! Second stage, the cryptography: which of an event's signatures are good.

use std::collections::BTreeMap;

use crate::{
    KeyId, Keyring, Object, Reason, Rejection, SignerId, Value,
    base64::{decode_base64, encode_base64},
    json::{write_key, write_string},
    keys::{ALGORITHM, TrustedKey},
};

/// One Ed25519 signature of an event.
pub type EventSignature = [u8; 64];

/// Good signatures by trusted signers, sorted by signer and key id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signatures(BTreeMap<(SignerId, KeyId), EventSignature>);

impl Signatures {
    /// Verifies what trusted signers signed and passes over the rest.
    ///
    /// Never succeeds without at least one good signature.
    pub(crate) fn verify(
        claimed: Option<&Value>,
        signed_bytes: &[u8],
        keyring: &Keyring,
        max_signatures: usize,
    ) -> Result<Self, Rejection> {
        let claimed = claimed
            .and_then(Value::as_object)
            .filter(|signers| !signers.is_empty())
            .ok_or_else(|| Rejection::new(Reason::NotSigned, "the event carries no signatures"))?;
        check_count(claimed, max_signatures)?;

        let mut good = Self::default();
        let mut knows_a_signer = false;
        for (signer, entry) in claimed {
            let Some((signer, keys)) = keyring.keys_of(signer) else {
                continue;
            };
            knows_a_signer = true;
            good.verify_signer(signer, keys, entry, signed_bytes)?;
        }
        if good.is_empty() {
            return Err(if knows_a_signer {
                Rejection::new(Reason::UnknownKeyId, "no known key of the signer signed this event")
            } else {
                Rejection::new(Reason::UnknownSigner, "no signer of this event is trusted here")
            });
        }
        Ok(good)
    }

    fn verify_signer(
        &mut self,
        signer: &SignerId,
        keys: &BTreeMap<KeyId, TrustedKey>,
        entry: &Value,
        signed_bytes: &[u8],
    ) -> Result<(), Rejection> {
        let bad = |what: &str| {
            Rejection::new(Reason::BadSignature, format!("the signature of {signer} {what}"))
        };
        let entry = entry.as_object().ok_or_else(|| bad("is not in an object"))?;
        for (name, value) in entry {
            let text = value.as_str().ok_or_else(|| bad("is not a string"))?;
            let key_id = name.strip_prefix(ALGORITHM).and_then(|name| name.strip_prefix(':'));
            let Some((key_id, key)) = key_id.and_then(|key_id| keys.get_key_value(key_id)) else {
                continue;
            };
            let bytes = decode_base64(text).ok_or_else(|| {
                Rejection::new(
                    Reason::BadBase64,
                    format!("the signature of {signer} is not base64"),
                )
            })?;
            let signature: EventSignature =
                bytes.try_into().map_err(|_| bad("is not of 64 bytes"))?;
            if !key.key.verifies(signed_bytes, &signature) {
                return Err(bad("does not verify"));
            }
            self.insert(signer.clone(), key_id.clone(), signature);
        }
        Ok(())
    }

    pub(crate) fn insert(&mut self, signer: SignerId, key_id: KeyId, signature: EventSignature) {
        self.0.insert((signer, key_id), signature);
    }

    /// Who made them, with which key.
    pub fn iter(&self) -> impl Iterator<Item = (&SignerId, &KeyId, &EventSignature)> {
        self.0.iter().map(|((signer, key_id), signature)| (signer, key_id, signature))
    }

    /// The signers, each once.
    pub fn signers(&self) -> impl Iterator<Item = &SignerId> {
        let mut last = None;
        self.0
            .keys()
            .map(|(signer, _)| signer)
            .filter(move |signer| last.replace(*signer) != Some(*signer))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the `signatures` member's value in canonical form.
    pub(crate) fn write(&self, text: &mut String) {
        // Algorithms and key ids sort as their joined names do, since the algorithm is always the
        // same.
        let mut open: Option<&SignerId> = None;
        text.push('{');
        for ((signer, key_id), signature) in &self.0 {
            if open == Some(signer) {
                text.push(',');
            } else {
                text.push_str(if open.is_some() { "}," } else { "" });
                write_key(text, signer.as_str());
                text.push('{');
                open = Some(signer);
            }
            write_key(text, &format!("{ALGORITHM}:{key_id}"));
            write_string(text, &encode_base64(signature));
        }
        text.push_str(if open.is_some() { "}}" } else { "}" });
    }
}

/// Puts a signature beside those that an event claims, in place of an older one of the same key.
///
/// # Errors
///
/// `bad_signature` where the claimed ones have no place for another, `too_many_signatures`.
pub(crate) fn add_signature(
    claimed: Option<Value>,
    signer: &SignerId,
    key_id: &KeyId,
    signature: &EventSignature,
    max_signatures: usize,
) -> Result<Value, Rejection> {
    let bad = |what: &str| Rejection::new(Reason::BadSignature, format!("{what} is not an object"));
    let Value::Object(mut signers) = claimed.unwrap_or_else(|| Object::new().into()) else {
        return Err(bad("`signatures`"));
    };
    let entry = signers.entry(signer.to_string()).or_insert_with(|| Object::new().into());
    let Value::Object(keys) = entry else {
        return Err(bad(&format!("the signature of {signer}")));
    };
    keys.insert(format!("{ALGORITHM}:{key_id}"), encode_base64(signature).into());
    check_count(&signers, max_signatures)?;
    Ok(signers.into())
}

/// Counts (signer, key id) pairs, unknown ones included, before any of them costs anything.
fn check_count(claimed: &Object, max_signatures: usize) -> Result<(), Rejection> {
    let count: usize =
        claimed.values().map(|entry| entry.as_object().map_or(1, |keys| keys.len().max(1))).sum();
    if count > max_signatures {
        let detail = format!("{count} signatures are over the limit of {max_signatures}");
        return Err(Rejection::new(Reason::TooManySignatures, detail));
    }
    Ok(())
}
