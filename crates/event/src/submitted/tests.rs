use super::*;
use crate::{KeyId, SignerId};

const EVENT: &str = r#"{"id":"org.example.app.done","format":"1.0","time":"2026-11-23T16:00:00Z","data":{"n":1.50}}"#;

fn key(signer: &str, seed: u8) -> SigningKey {
    let signer = SignerId::parse(signer).unwrap();
    SigningKey::from_seed(signer, KeyId::parse("0").unwrap(), &[seed; 32])
}

fn ring(keys: &[&SigningKey]) -> Keyring {
    let mut keyring = Keyring::default();
    for key in keys {
        keyring.insert(key.signer().clone(), key.key_id().clone(), key.verifying_key()).unwrap();
    }
    keyring
}

fn parse(bytes: &[u8]) -> SubmittedEvent {
    SubmittedEvent::parse(bytes, &Limits::SUBMISSION).unwrap()
}

#[test]
fn a_second_signature_stands_beside_the_first_and_both_verify() {
    let (first, second) = (key("one", 1), key("two", 2));
    let once = parse(EVENT.as_bytes()).sign(&first).unwrap();
    let twice = parse(once.bytes()).sign(&second).unwrap();
    assert_eq!(once.digest(), twice.digest());
    let verified =
        parse(twice.bytes()).verify(&ring(&[&first, &second]), Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(verified.signatures().iter().count(), 2);
    assert_eq!(verified.digest(), twice.digest());
}

#[test]
fn signing_again_replaces_the_signature_of_the_same_key_only() {
    let mine = key("one", 1);
    let event =
        EVENT.replacen('{', r#"{"signatures":{"one":{"ed25519:0":"junk","ed25519:x":"kept"}},"#, 1);
    let signed = parse(event.as_bytes()).sign(&mine).unwrap();
    let text = String::from_utf8(signed.bytes().to_vec()).unwrap();
    assert!(!text.contains("junk") && text.contains("kept"), "{text}");
    assert!(parse(signed.bytes()).verify(&ring(&[&mine]), Timestamp::UNIX_EPOCH).is_ok());
}

#[test]
fn what_the_relay_noted_is_kept_and_not_signed() {
    let signer = key("one", 1);
    let bare = parse(EVENT.as_bytes()).sign(&signer).unwrap();
    let noted = EVENT.replacen('{', r#"{"unsigned":{"seq":7},"#, 1);
    let noted = parse(noted.as_bytes()).sign(&signer).unwrap();
    assert_eq!(bare.digest(), noted.digest());
    assert!(String::from_utf8_lossy(noted.bytes()).contains(r#""unsigned":{"seq":7}"#));
}

#[test]
fn signatures_without_a_place_for_another_are_refused() {
    let nine: Vec<String> =
        (0..8).map(|number| format!(r#""s{number}":{{"ed25519:0":""}}"#)).collect();
    for (signatures, reason) in [
        ("[]".to_owned(), Reason::BadSignature),
        (r#"{"one":"x"}"#.to_owned(), Reason::BadSignature),
        (format!("{{{}}}", nine.join(",")), Reason::TooManySignatures),
    ] {
        let event = EVENT.replacen('{', &format!(r#"{{"signatures":{signatures},"#), 1);
        let rejection = parse(event.as_bytes()).sign(&key("one", 1)).unwrap_err();
        assert_eq!(rejection.reason(), reason, "{signatures}");
    }
}
