//! The same signed bytes in other clothes.

use fastrand::Rng;
use laniakea_event::{Limits, Object, Reason, SigningKey, Value, encode_base64};

use crate::{hostile, respell::respell};

/// What is done to a taken event before it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variant {
    SameBytes,
    Respelled,
    SignedAnew,
    OtherKeyIdBeside,
    OtherKeyIdAlone,
    OtherSourceBeside,
    OtherSourceAlone,
    RelayBeside,
    OtherUnsigned,
    UrlSafeBase64,
    PaddedBase64,
    UnknownSignersBeside,
    /// Not the same bytes, but the same uuid; only in the dialect that has one.
    SameUuid,
}

impl Variant {
    pub(super) const ALL: [Self; 13] = [
        Self::SameBytes,
        Self::Respelled,
        Self::SignedAnew,
        Self::OtherKeyIdBeside,
        Self::OtherKeyIdAlone,
        Self::OtherSourceBeside,
        Self::OtherSourceAlone,
        Self::RelayBeside,
        Self::OtherUnsigned,
        Self::UrlSafeBase64,
        Self::PaddedBase64,
        Self::UnknownSignersBeside,
        Self::SameUuid,
    ];

    /// Why the relay refuses it; most are simply duplicates.
    pub(super) fn refused_as(self) -> Option<Reason> {
        match self {
            Self::OtherKeyIdAlone => Some(Reason::UnknownKeyId),
            Self::SameUuid => Some(Reason::Conflict),
            _ => None,
        }
    }
}

/// Who may sign.
pub(super) struct Keys {
    pub(super) source: SigningKey,
    /// Another source with the same rights.
    pub(super) other: SigningKey,
    pub(super) relay: SigningKey,
}

impl Keys {
    /// The event in other clothes; `None` where it cannot wear these.
    pub(super) fn dress(&self, event: &[u8], variant: Variant, rng: &mut Rng) -> Option<Vec<u8>> {
        if variant == Variant::SameBytes {
            return Some(event.to_vec());
        }
        let Ok(Value::Object(mut event)) = Value::parse(event, &Limits::SUBMISSION) else {
            return None;
        };
        let Some(Value::Object(mut signatures)) = event.remove("signatures") else { return None };
        if variant == Variant::SameUuid {
            event.get("uuid")?;
            event.insert(
                "data".to_owned(),
                Object::from([("n".to_owned(), rng.u64(..).into())]).into(),
            );
        }
        let signed = Value::Object(event.clone()).to_canonical();
        let sign = |key: &SigningKey| encode_base64(&key.sign(signed.as_bytes()));
        let own = sign(&self.source);
        let source = self.source.signer().to_string();
        match variant {
            Variant::SameBytes | Variant::Respelled => {}
            Variant::SignedAnew | Variant::SameUuid => {
                signatures.insert(source, entry("ed25519:0", own));
            }
            Variant::OtherKeyIdBeside => {
                let junk = encode_base64(&[rng.u8(..); 64]);
                let both = [("ed25519:0", own), ("ed25519:7", junk), ("rsa:0", "x".to_owned())];
                signatures.insert(source, object(both));
            }
            Variant::OtherKeyIdAlone => {
                signatures.insert(source, entry("ed25519:7", own));
            }
            Variant::OtherSourceBeside => {
                signatures
                    .insert(self.other.signer().to_string(), entry("ed25519:0", sign(&self.other)));
            }
            Variant::OtherSourceAlone => {
                signatures.clear();
                signatures
                    .insert(self.other.signer().to_string(), entry("ed25519:0", sign(&self.other)));
            }
            Variant::RelayBeside => {
                signatures
                    .insert(self.relay.signer().to_string(), entry("ed25519:0", sign(&self.relay)));
            }
            Variant::OtherUnsigned => {
                let text = (*rng.choice(hostile::TEXT).unwrap()).to_owned();
                let unsigned =
                    object([("seq", text.clone()), ("journal", text.clone()), ("relay", text)]);
                event.insert("unsigned".to_owned(), unsigned);
            }
            Variant::UrlSafeBase64 => {
                let text = own.replace('+', "-").replace('/', "_");
                signatures.insert(source, entry("ed25519:0", text));
            }
            Variant::PaddedBase64 => {
                signatures.insert(source, entry("ed25519:0", format!("{own}==")));
            }
            Variant::UnknownSignersBeside => {
                for _ in 0..rng.u8(1..8) {
                    let junk = encode_base64(&[rng.u8(..); 64]);
                    signatures.insert(format!("stranger-{}", rng.u8(..)), entry("ed25519:0", junk));
                }
            }
        }
        event.insert("signatures".to_owned(), signatures.into());
        let event = Value::Object(event);
        // Whatever else is done, the spelling is free.
        Some(if variant == Variant::Respelled || rng.u8(..4) == 0 {
            respell(&event, rng).into_bytes()
        } else {
            event.to_canonical().into_bytes()
        })
    }
}

fn entry(name: &str, text: String) -> Value {
    object([(name, text)])
}

fn object<const N: usize>(members: [(&str, String); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect())
}
