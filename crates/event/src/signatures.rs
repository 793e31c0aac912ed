//! Second stage, the cryptography: which of an event's signatures are good.

mod retired;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::retired::{Receipt, Retired};
use crate::{
    KeyId, Keyring, Object, Reason, Rejection, SignerId, Trust, Value,
    base64::{decode_base64, encode_base64},
    json::{write_key, write_string},
    keys::{ALGORITHM, Standing, TrustedKey},
};

/// One Ed25519 signature of an event.
pub type EventSignature = [u8; 64];

/// Good signatures by trusted signers, sorted by signer and key id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signatures(BTreeMap<(SignerId, KeyId), EventSignature>);

/// An event's signatures, of which those by keys that are valid now are verified.
struct Examined<'a> {
    good: Signatures,
    retired: Vec<Retired<'a>>,
    knows_a_signer: bool,
}

impl Signatures {
    /// Verifies what trusted signers signed with keys that are valid now, and passes over the
    /// rest.
    ///
    /// Never succeeds without at least one good signature.
    pub(crate) fn verify(
        claims: &Claims<'_>,
        keyring: &Keyring,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        let examined = Examined::of(claims, keyring, now)?;
        let passed_over: Vec<String> = examined.retired.iter().map(Retired::describe).collect();
        examined.good.or_reject(examined.knows_a_signer, &passed_over)
    }

    /// The same for an event that a relay took at some time before; also counts sources' keys
    /// that were valid then, where a relay that is trusted now stands for it.
    ///
    /// Beside the good signatures it says which were passed over, and why.
    pub(crate) fn verify_received(
        claims: &Claims<'_>,
        trust: &Trust,
        received: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Self, Vec<String>), Rejection> {
        let Examined { mut good, retired, knows_a_signer } =
            Examined::of(claims, trust.keyring(), now)?;
        let has_relay = good.signers().any(|signer| trust.is_relay(signer));
        let receipt = Receipt { received, has_relay };
        let passed_over: Vec<String> = retired
            .iter()
            .filter_map(|retired| {
                retired.add_as_of(&mut good, claims.signed_bytes, trust, &receipt).err()
            })
            .collect();
        let good = good.or_reject(knows_a_signer, &passed_over)?;
        Ok((good, passed_over))
    }

    fn or_reject(self, knows_a_signer: bool, passed_over: &[String]) -> Result<Self, Rejection> {
        if !self.is_empty() {
            return Ok(self);
        }
        Err(match passed_over {
            [] if knows_a_signer => {
                Rejection::new(Reason::UnknownKeyId, "no known key of the signer signed this event")
            }
            [] => Rejection::new(Reason::UnknownSigner, "no signer of this event is trusted here"),
            retired => Rejection::new(Reason::UnknownKeyId, retired.join("; ")),
        })
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

/// What an event says of who signed it.
pub(crate) struct Claims<'a> {
    /// The `signatures` member, as it came.
    pub(crate) signatures: Option<&'a Value>,
    /// What they are over.
    pub(crate) signed_bytes: &'a [u8],
    pub(crate) max_signatures: usize,
}

impl<'a> Examined<'a> {
    fn of(claims: &Claims<'a>, keyring: &'a Keyring, now: Timestamp) -> Result<Self, Rejection> {
        let signers = claims
            .signatures
            .and_then(Value::as_object)
            .filter(|signers| !signers.is_empty())
            .ok_or_else(|| Rejection::new(Reason::NotSigned, "the event carries no signatures"))?;
        check_count(signers, claims.max_signatures)?;
        let mut this =
            Self { good: Signatures::default(), retired: Vec::new(), knows_a_signer: false };
        for (signer, entry) in signers {
            if let Some((signer, keys)) = keyring.keys_of(signer) {
                this.knows_a_signer = true;
                this.verify_signer(signer, keys, entry, claims.signed_bytes, now)?;
            }
        }
        Ok(this)
    }

    fn verify_signer(
        &mut self,
        signer: &'a SignerId,
        keys: &'a BTreeMap<KeyId, TrustedKey>,
        entry: &'a Value,
        signed_bytes: &[u8],
        now: Timestamp,
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
            let standing = key.validity.standing(now);
            if standing != Standing::Valid {
                self.retired.push(Retired { signer, key_id, key, standing, text });
                continue;
            }
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
            self.good.insert(signer.clone(), key_id.clone(), signature);
        }
        Ok(())
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
