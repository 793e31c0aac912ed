//! What holds for any bytes whatever: shared by the mutation test and the fuzz targets.
//!
//! Each function panics where its promise is broken.

use std::sync::LazyLock;

use jiff::Timestamp;
use laniakea_event::{
    KeyId, Keyring, Limits, Number, Reason, RelayNote, Seq, SignerId, SigningKey, SubmittedEvent,
    Value, decode_base64, encode_base64, keys::KeyFile,
};

/// For what we wrote ourselves: canonical form can be longer than what came, and a relay adds to it.
const ROOMY: Limits =
    Limits { max_bytes: 64 << 20, max_depth: 110, max_members: 20_000, max_signatures: 32 };

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let signer = SignerId::parse("invariants").expect("a good name");
    SigningKey::from_seed(signer, KeyId::parse("0").expect("a good name"), &[7; 32])
});

/// Believes `KEY` and nobody else.
static KEYRING: LazyLock<Keyring> = LazyLock::new(|| {
    let mut keyring = Keyring::default();
    keyring
        .insert(KEY.signer().clone(), KEY.key_id().clone(), KEY.verifying_key())
        .expect("the ring is empty");
    keyring
});

/// An event: parsed, refused where nobody is trusted, signed, verified and published.
pub(crate) fn check_event(bytes: &[u8]) {
    check_json(bytes);
    let Ok(event) = SubmittedEvent::parse(bytes, &Limits::FROM_RELAY) else {
        return;
    };
    drop(event.unsigned().and_then(RelayNote::parse));
    let refusal = event
        .clone()
        .verify(&Keyring::default(), Timestamp::UNIX_EPOCH)
        .expect_err("nobody is trusted")
        .reason();
    assert!(
        [Reason::NotSigned, Reason::TooManySignatures, Reason::UnknownSigner].contains(&refusal),
        "{refusal}"
    );
    let signed_bytes = event.signed_bytes();
    assert_eq!(canonical(&signed_bytes), signed_bytes, "the signed bytes are not canonical");
    check_signed(event);
}

fn check_signed(event: SubmittedEvent) {
    let digest = event.digest();
    let signed = match event.sign(&KEY) {
        Ok(signed) => signed,
        Err(rejection) => {
            let reason = rejection.reason();
            assert!(
                [Reason::BadSignature, Reason::TooManySignatures].contains(&reason),
                "{reason}"
            );
            return;
        }
    };
    assert_eq!(canonical(signed.bytes()), signed.bytes(), "what we sign is not canonical");
    let parsed = SubmittedEvent::parse(signed.bytes(), &ROOMY).expect("what we signed");
    let verified = parsed.verify(&KEYRING, Timestamp::UNIX_EPOCH).expect("our own signature");
    assert_eq!(verified.digest(), digest, "signing changed the event");
    let frame = verified.frame(&note());
    assert_eq!(canonical(&frame), frame, "what we publish is not canonical");
    let published = SubmittedEvent::parse(&frame, &ROOMY).expect("what we publish");
    assert_eq!(published.unsigned().and_then(RelayNote::parse), Some(note()));
    assert_eq!(
        published.verify(&KEYRING, Timestamp::UNIX_EPOCH).expect("our own signature").digest(),
        digest
    );
}

fn note() -> RelayNote {
    RelayNote {
        relay: KEY.signer().clone(),
        journal: uuid::Uuid::from_u128(1),
        seq: Seq(17),
        received: "2026-11-23T16:00:00.123456Z".to_owned(),
        prev: [(String::new(), Seq(16))].into(),
    }
}

fn canonical(text: &[u8]) -> Vec<u8> {
    Value::parse(text, &ROOMY).expect("what we wrote").to_canonical().into_bytes()
}

/// A JSON text: our parser and another one agree, and canonical form says the same again.
fn check_json(bytes: &[u8]) {
    let ours = Value::parse(bytes, &Limits::FROM_RELAY);
    let theirs = serde_json::from_slice::<serde_json::Value>(bytes);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert!(is_same(ours, theirs), "{ours:?} is not {theirs:?}"),
        (Ok(ours), Err(error)) => assert!(has_huge_integer(ours), "{ours:?}: {error}"),
        // Limits of ours that the other parser does not have; JSON it must be.
        (Err(rejection), Ok(theirs)) => assert!(
            !matches!(rejection.reason(), Reason::BadJson | Reason::BadUtf8),
            "{rejection}: {theirs:?}"
        ),
        (Err(_), Err(_)) => {}
    }
    if let Ok(value) = ours {
        let text = value.to_canonical();
        assert_eq!(Value::parse(text.as_bytes(), &ROOMY), Ok(value), "canonical form differs");
    }
}

fn is_same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(ours), serde_json::Value::Bool(theirs)) => ours == theirs,
        (Value::String(ours), serde_json::Value::String(theirs)) => ours == theirs,
        (Value::Number(ours), serde_json::Value::Number(theirs)) => is_same_number(ours, theirs),
        (Value::Array(ours), serde_json::Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Value::Object(ours), serde_json::Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(name, ours)| {
                    theirs.get(name).is_some_and(|theirs| is_same(ours, theirs))
                })
        }
        _ => false,
    }
}

/// The other parser is fast and not exact: its doubles may be an ulp or two off.
fn is_same_number(ours: &Number, theirs: &serde_json::Number) -> bool {
    if let (Some(ours), Some(theirs)) = (ours.as_i64(), theirs.as_i64()) {
        return ours == theirs;
    }
    let (ours, theirs) = (ours.as_f64(), theirs.as_f64().unwrap_or(f64::NAN));
    (ours - theirs).abs() <= 1e-15 * ours.abs() + f64::MIN_POSITIVE
}

/// An integer that overflows a double, which we can hold and the other parser cannot.
fn has_huge_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_infinite(),
        Value::Array(items) => items.iter().any(has_huge_integer),
        Value::Object(members) => members.values().any(has_huge_integer),
        _ => false,
    }
}

/// A key file: what we write says the same again, and the public half keeps the secret.
pub(crate) fn check_key_file(bytes: &[u8]) {
    let Ok(file) = KeyFile::parse(bytes) else {
        return;
    };
    let read = |text: &str| KeyFile::parse(text.as_bytes()).expect("what we wrote");
    let public = read(&file.public_text());
    assert_eq!((&public.signer, &public.key_id), (&file.signer, &file.key_id));
    assert_eq!(public.verify_key, file.verify_key);
    assert!(public.signing_key.is_none());
    assert!(public.curve.is_none_or(|curve| curve.secret.is_none()));
    let Some(signing_key) = &file.signing_key else {
        assert!(file.secret_text().is_none());
        return;
    };
    let secret = read(&file.secret_text().expect("there is a secret"));
    assert_eq!(secret.curve, file.curve);
    let signature = secret.signing_key.expect("it was written").sign(b"message");
    assert_eq!(signature, signing_key.sign(b"message"));
    assert!(file.verify_key.verifies(b"message", &signature));
}

/// Base64: four spellings are read, and nothing else is.
pub(crate) fn check_base64(bytes: &[u8]) {
    let plain = encode_base64(bytes);
    let padded = format!("{plain}{}", "=".repeat((4 - plain.len() % 4) % 4));
    for text in [&plain, &padded, &url_safe(&plain), &url_safe(&padded)] {
        assert_eq!(decode_base64(text).as_deref(), Some(bytes), "{text}");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(decoded) = decode_base64(text) {
        let unpadded = text.trim_end_matches('=');
        assert!(unpadded == text || text.len().is_multiple_of(4), "{text}");
        let plain = encode_base64(&decoded);
        assert!(unpadded == plain || unpadded == url_safe(&plain), "{text} is not {plain}");
    }
}

fn url_safe(text: &str) -> String {
    text.replace('+', "-").replace('/', "_")
}
