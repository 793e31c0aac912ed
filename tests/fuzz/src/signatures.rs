//! The `signatures` member of an event that is otherwise good.

use std::sync::LazyLock;

use laniakea_event::{Limits, Reason, SubmittedEvent, Value, VerifiedEvent, decode_base64};

use crate::world::{KEY, KEYRING, NOW, ROOMY, event};

static EVENT: LazyLock<VerifiedEvent> = LazyLock::new(|| event("_lk.core.ping", 1));

/// Signatures of any form: the event is believed only if the trusted key's own is among them.
pub fn signatures(bytes: &[u8]) {
    let Ok(signatures) = Value::parse(bytes, &Limits::FROM_RELAY) else {
        return;
    };
    let mut members = EVENT.covered().clone();
    members.insert("signatures".to_owned(), signatures.clone());
    let text = Value::Object(members).to_canonical();
    let event = SubmittedEvent::parse(text.as_bytes(), &ROOMY).expect("a good event");
    match event.verify(&KEYRING, NOW) {
        Ok(verified) => {
            assert_eq!(verified.signatures().signers().collect::<Vec<_>>(), [KEY.signer()]);
            let ours = signatures.get(KEY.signer().as_str()).and_then(|keys| keys.get("ed25519:0"));
            let ours = ours.and_then(Value::as_str).and_then(decode_base64).expect("a signature");
            assert_eq!(ours, KEY.sign(&signed_bytes()));
        }
        Err(rejection) => {
            let reason = rejection.reason();
            let reasons = [
                Reason::NotSigned,
                Reason::TooManySignatures,
                Reason::UnknownSigner,
                Reason::UnknownKeyId,
                Reason::BadBase64,
                Reason::BadSignature,
            ];
            assert!(reasons.contains(&reason), "{reason}");
        }
    }
}

fn signed_bytes() -> Vec<u8> {
    Value::Object(EVENT.covered().clone()).to_canonical().into_bytes()
}
