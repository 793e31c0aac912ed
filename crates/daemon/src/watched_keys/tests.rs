use laniakea_event::{
    Limits, Reason, SubmittedEvent, VerifyingKey, encode_base64,
    keys::{KeyFile, Validity},
};

use super::*;

/// Keys that anybody can sign for, or about which verifiers disagree; computed apart from the
/// library that judges them here.
const UNFIT: [(&str, &str); 6] = [
    ("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "small order"),
    ("7P///////////////////////////////////////38", "small order"),
    ("xxdqcD1N2E+6PAt2DRBnDyogU/osOczGTsf9d5KsA3o", "small order"),
    ("QKTPXGEdc3ovHG/MqE2cq/7YCYfxhqWmxX5im/8a8n8", "mixed order"),
    ("7v///////////////////////////////////////38", "canonical form"),
    ("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA", "canonical form"),
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn good() -> String {
    let key = crate::new_key(
        SignerId::parse("archive-01").unwrap(),
        laniakea_event::KeyId::parse("0").unwrap(),
        laniakea_event::keys::Metadata::default(),
        None,
    );
    key.unwrap().public_text()
}

fn with_key(key: &str) -> String {
    format!("metadata\n    id = \"archive-01\"\ned\n    verify-key = \"{key}\"\n")
}

fn keys(watched: &WatchedKeys) -> Vec<VerifyingKey> {
    watched.keyring().iter().map(|(.., trusted)| trusted.key.clone()).collect()
}

#[test]
fn an_unfit_key_never_gets_into_the_ring() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive-01.pub.key");
    for (key, reason) in UNFIT {
        fs::write(&path, with_key(key)).unwrap();
        let error = WatchedKeys::load(place.path()).unwrap_err().to_string();
        assert!(error.contains(reason), "{key}: {error}");

        fs::write(&path, good()).unwrap();
        let mut watched = WatchedKeys::load(place.path()).unwrap();
        let last_good = keys(&watched);
        fs::write(&path, with_key(key)).unwrap();
        assert!(watched.have_changed());
        watched.reload().unwrap();
        assert_eq!(keys(&watched), last_good, "{key}");
    }
}

/// With the neutral element as its key, R the neutral element and S zero hold for any message by
/// the equation alone.
#[test]
fn what_anybody_could_sign_for_a_weak_key_verifies_nowhere() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("a"), good()).unwrap();
    let mut watched = WatchedKeys::load(place.path()).unwrap();
    fs::write(place.path().join("a"), with_key(UNFIT[0].0)).unwrap();
    watched.reload().unwrap();
    let mut signature = [0; 64];
    signature[0] = 1;
    let event = format!(
        r#"{{"id":"a.b.c","format":"1.0","time":"2026-11-23T16:00:00Z","data":{{}},"signatures":{{"archive-01":{{"ed25519:0":"{}"}}}}}}"#,
        encode_base64(&signature)
    );
    let event = SubmittedEvent::parse(event.as_bytes(), &Limits::SUBMISSION).unwrap();
    let verdict = event.verify(&watched.keyring(), at("2026-11-25T12:00:00Z"));
    assert_eq!(verdict.unwrap_err().reason(), Reason::BadSignature);
}

#[test]
fn a_mark_takes_effect_with_the_next_look_and_by_the_clock() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("archive-01.pub.key");
    let text = good();
    fs::write(&path, &text).unwrap();
    let mut watched = WatchedKeys::load(place.path()).unwrap();
    assert!(!watched.have_changed());
    let end = at("2026-11-25T12:00:00Z");
    let validity = Validity { until: Some(end), ..Validity::ALWAYS };
    fs::write(&path, KeyFile::mark(&text, &validity)).unwrap();
    assert!(watched.have_changed());
    watched.reload().unwrap();
    let ring = watched.keyring();
    let (.., key) = ring.iter().next().unwrap();
    assert!(!key.validity.covers(end) && key.validity.covers(at("2026-11-25T11:59:59Z")));
}

#[test]
fn what_could_not_be_read_is_looked_at_again() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("trusted");
    let path = directory.join("archive-01.pub.key");
    fs::create_dir(&directory).unwrap();
    fs::write(&path, good()).unwrap();
    let mut watched = WatchedKeys::load(&directory).unwrap();
    let last_good = keys(&watched);

    // A link to nothing cannot be read, for root neither.
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    assert!(watched.have_changed());
    watched.reload().unwrap();
    assert_eq!(keys(&watched), last_good);
    assert!(watched.have_changed(), "it is still unread");
    fs::remove_file(&path).unwrap();
    fs::write(&path, good()).unwrap();
    watched.reload().unwrap();
    assert!(!watched.have_changed() && keys(&watched) != last_good);

    let before = keys(&watched);
    let away = place.path().join("away");
    fs::rename(&directory, &away).unwrap();
    assert!(watched.reload().is_err() && watched.have_changed());
    assert_eq!(keys(&watched), before);
    fs::rename(&away, &directory).unwrap();
    assert!(watched.have_changed(), "it was not read since");
    watched.reload().unwrap();
    assert!(!watched.have_changed());
}
