//! The `signatures` member of an event that is otherwise good.

use std::{collections::BTreeMap, sync::LazyLock};

use laniakea_event::{
    EmitRule, Limits, Reason, SubmittedEvent, Trust, Upstream, Value, VerifiedEvent, decode_base64,
};

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
    from_upstream(event.clone());
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

/// The same key as that of a relay which another one follows: its word counts where it is asked
/// for, if its signature is there, and nowhere else.
fn from_upstream(event: SubmittedEvent) {
    let relays = [KEY.signer().clone()].into();
    let trust = Trust::new(KEYRING.clone(), relays, BTreeMap::new());
    let taken = |emit: &[&str]| {
        let emit = emit.iter().map(|rule| EmitRule::parse(rule).expect("a good rule")).collect();
        let upstream = Upstream { signer: KEY.signer().clone(), emit };
        event.clone().verify_from_upstream(&trust, &upstream, NOW).is_ok()
    };
    assert_eq!(taken(&["_lk.core."]), event.clone().verify(&KEYRING, NOW).is_ok());
    assert!(!taken(&[]) && !taken(&["_lk.jobs."]));
}
