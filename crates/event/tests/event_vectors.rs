//! Every signed submission of `tests/vectors/events`, against the verdict it must get.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use laniakea_event::{
    EmitRule, Limits, Reason, Rejection, RelayNote, Seq, SignerId, SubmittedEvent, Trust,
    VerifiedEvent,
    keys::{KeyDirectory, KeyFile},
};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    recommended: Recommended,
    wire: Option<String>,
    wire_base64: Option<String>,
    signed_bytes: Option<String>,
    digest: Option<String>,
    published: Option<Published>,
}

#[derive(Deserialize)]
struct Recommended {
    reason: String,
}

#[derive(Deserialize)]
struct Published {
    topic: String,
    body: String,
}

impl Case {
    fn wire(&self) -> Vec<u8> {
        match (&self.wire, &self.wire_base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => laniakea_event::decode_base64(base64).unwrap(),
            (None, None) => panic!("{} has no wire bytes", self.name),
        }
    }
}

fn vectors_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/events")
}

fn cases(file: &str) -> Vec<Case> {
    let text = std::fs::read(vectors_dir().join(file)).unwrap();
    serde_json::from_slice::<Vectors>(&text).unwrap().cases
}

fn trust() -> Trust {
    let directory = KeyDirectory::load(&vectors_dir().join("keys/trusted")).unwrap();
    let signer = |name| SignerId::parse(name).unwrap();
    let rules = |prefix| vec![EmitRule::parse(prefix).unwrap()];
    Trust::new(
        directory.keyring(),
        [signer("lighthouse-01")].into(),
        BTreeMap::from([
            (signer("archive-01"), rules("_lk.archive.")),
            (signer("spears-01"), rules("_lk.spears.")),
        ]),
    )
}

fn judge(wire: &[u8], trust: &Trust) -> Result<VerifiedEvent, Rejection> {
    let event = SubmittedEvent::parse(wire, &Limits::SUBMISSION)?
        .verify(trust.keyring(), Timestamp::UNIX_EPOCH)?;
    event.authorise(trust)?;
    Ok(event)
}

/// Freshness and dedupe need a clock and a journal; the relay's own tests show those verdicts.
fn is_decided_later(reason: &str) -> bool {
    ["stale", "from_the_future", "duplicate", "conflict"].contains(&reason)
}

fn check_verdicts(file: &str, expected_cases: usize) {
    let trust = trust();
    let cases = cases(file);
    assert_eq!(cases.len(), expected_cases);
    for case in cases {
        let verdict = judge(&case.wire(), &trust);
        let reason = match &verdict {
            Ok(_) => "ok",
            Err(rejection) => rejection.reason().as_str(),
        };
        let expected = &case.recommended.reason;
        let expected = if is_decided_later(expected) { "ok" } else { expected };
        assert_eq!(reason, expected, "{}: {verdict:?}", case.name);
        check_bytes(&case, &trust);
    }
}

fn check_bytes(case: &Case, trust: &Trust) {
    let Ok(event) = SubmittedEvent::parse(&case.wire(), &Limits::SUBMISSION) else {
        return;
    };
    if let Some(signed_bytes) = &case.signed_bytes
        && event.clone().verify(trust.keyring(), Timestamp::UNIX_EPOCH).is_ok()
    {
        assert_eq!(
            String::from_utf8(event.signed_bytes()).unwrap(),
            *signed_bytes,
            "{}",
            case.name
        );
    }
    if let Some(digest) = &case.digest {
        assert_eq!(event.digest().to_string(), *digest, "{}", case.name);
    }
}

#[test]
fn every_event_in_the_laniakea_dialect_gets_its_verdict() {
    check_verdicts("laniakea.json", 85);
}

#[test]
fn every_event_in_the_id_dialect_gets_its_verdict() {
    check_verdicts("seed.json", 47);
}

#[test]
fn what_we_publish_is_what_the_python_relay_published() {
    let trust = trust();
    // A checkout does not keep the mode that a daemon asks of a secret.
    let key = KeyFile::load(&vectors_dir().join("keys/secret/lighthouse-01.key_secret")).unwrap();
    let key = key.signing_key.unwrap();
    let mut compared = 0;
    for case in cases("laniakea.json") {
        let Some(published) = &case.published else {
            continue;
        };
        let Ok(mut event) = judge(&case.wire(), &trust) else {
            continue;
        };
        event.countersign(&key);
        assert_eq!(event.id().as_str(), published.topic);
        let ours = without_unsigned(&event.frame(&note()));
        assert_eq!(ours, python_frame(&published.body), "{}", case.name);
        compared += 1;
    }
    assert!(compared > 30, "only {compared} cases were compared");
}

fn note() -> RelayNote {
    RelayNote {
        relay: SignerId::parse("lighthouse-01").unwrap(),
        journal: Uuid::nil(),
        seq: Seq(17),
        received: "2026-11-23T16:00:00.123456Z".to_owned(),
        prev: BTreeMap::from([(String::new(), Seq(16))]),
    }
}

fn without_unsigned(frame: &[u8]) -> String {
    let text = std::str::from_utf8(frame).unwrap();
    let note = ",\"unsigned\":{\"journal\":\"00000000-0000-0000-0000-000000000000\",\"prev\":{\"\":16},\
                \"received\":\"2026-11-23T16:00:00.123456Z\",\"relay\":\"lighthouse-01\",\"seq\":17}";
    assert_eq!(text.matches(note).count(), 1, "{text}");
    text.replace(note, "")
}

/// What Python published, without `unsigned` and the signatures that a relay does not pass on.
fn python_frame(body: &str) -> String {
    let limits = Limits::FROM_RELAY;
    let laniakea_event::Value::Object(mut event) =
        laniakea_event::Value::parse(body.as_bytes(), &limits).unwrap()
    else {
        panic!("{body}");
    };
    event.remove("unsigned");
    if let Some(laniakea_event::Value::Object(signatures)) = event.get_mut("signatures") {
        signatures.retain(|signer, _| {
            ["archive-01", "spears-01", "lighthouse-01"].contains(&signer.as_str())
        });
        for entry in signatures.values_mut() {
            if let laniakea_event::Value::Object(keys) = entry {
                keys.retain(|key_id, _| key_id == "ed25519:0");
                for signature in keys.values_mut() {
                    let bytes = laniakea_event::decode_base64(signature.as_str().unwrap()).unwrap();
                    *signature = laniakea_event::encode_base64(&bytes).into();
                }
            }
        }
    }
    laniakea_event::Value::Object(event).to_canonical()
}

#[test]
fn any_flipped_byte_of_the_signed_members_is_noticed() {
    let trust = trust();
    let case = cases("seed.json").into_iter().find(|case| case.name == "seed_unicode").unwrap();
    let wire = case.wire();
    let good = judge(&wire, &trust).unwrap();
    for index in 0..wire.len() {
        for bit in 0..8 {
            let mut bent = wire.clone();
            bent[index] ^= 1 << bit;
            if let Ok(event) = judge(&bent, &trust) {
                assert_eq!(event.digest(), good.digest(), "byte {index}, bit {bit}");
            }
        }
    }
}

#[test]
fn too_many_signatures_are_counted_before_they_are_looked_at() {
    let mut event: serde_json::Value =
        serde_json::from_slice(&cases("seed.json")[0].wire()).unwrap();
    let signatures = event["signatures"].as_object_mut().unwrap();
    for index in 0..7 {
        signatures.insert(format!("stranger-{index}"), serde_json::json!({"ed25519:0": "junk"}));
    }
    assert!(judge(event.to_string().as_bytes(), &trust()).is_ok());
    event["signatures"]["stranger-8"] = serde_json::json!({"ed25519:0": "junk"});
    let rejection = judge(event.to_string().as_bytes(), &trust()).unwrap_err();
    assert_eq!(rejection.reason(), Reason::TooManySignatures);
}
