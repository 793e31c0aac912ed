use laniakea_event::{KeyId, Limits, SignerId, SubmittedEvent};

use super::*;
use crate::{
    apt::version::Version,
    suite::{SourceKey, SuiteState},
};

fn announcer(dialect: Dialect) -> Announcer {
    let signer = SignerId::parse("lookout-test").unwrap();
    let key = SigningKey::from_seed(signer, KeyId::parse("0").unwrap(), &[1; 32]);
    Announcer { key, dialect, origin: Some("archive.example.org".to_owned()), node: [3; 6] }
}

fn publication() -> Publication<'static> {
    Publication {
        repo: "debian",
        url: "http://a/debian",
        suite: "bookworm",
        codename: "bookworm",
        date: "2026-11-01T12:00:00Z".parse().unwrap(),
        seen: "2026-11-01T12:03:04.5Z".parse().unwrap(),
    }
}

/// A source with so many binaries, whose names are as long as they may be.
fn source_with(binaries: usize) -> SuiteState {
    let binary = |number: usize| Binary {
        name: format!("{number:0200}").into(),
        architecture: ["amd64", "all"][number % 2].into(),
        version: Version::parse("1.0").unwrap(),
    };
    let binaries = (0..binaries).map(binary).collect();
    let published = Published { binaries, ..Published::default() };
    let key = SourceKey { component: "main".into(), name: "hello".into() };
    let versions = [(Version::parse("1.0").unwrap(), published)].into();
    SuiteState { sources: [(key, versions)].into() }
}

fn announce(dialect: Dialect, new: &SuiteState) -> Vec<Value> {
    let nothing = SuiteState::default();
    let diff = crate::diff::diff(&nothing, new);
    let events = announcer(dialect).announce(&publication(), &diff, Summary::Told).unwrap();
    let parse = |event: &SignedEvent| {
        // As a relay reads it.
        SubmittedEvent::parse(event.bytes(), &Limits::SUBMISSION).unwrap();
        Value::parse(event.bytes(), &Limits::SUBMISSION).unwrap()
    };
    events.iter().map(parse).collect()
}

#[test]
fn events_are_written_in_the_dialect_of_the_configuration() {
    let state = source_with(1);
    let has = |event: &Value, name: &str| event.get(name).is_some();
    let members = |dialect| {
        let event = &announce(dialect, &state)[0];
        ["id", "tag", "uuid"].map(|name| has(event, name))
    };
    assert_eq!(members(Dialect::Seed), [true, false, false]);
    assert_eq!(members(Dialect::Laniakea), [false, true, true]);
    assert_eq!(members(Dialect::Both), [true, true, true]);
}

#[test]
fn each_event_of_a_look_has_a_uuid_of_its_own_with_the_time_of_the_look() {
    let events = announce(Dialect::Both, &source_with(1));
    let uuid =
        |event: &Value| -> Uuid { event.get("uuid").unwrap().as_str().unwrap().parse().unwrap() };
    let (first, second) = (uuid(&events[0]), uuid(&events[1]));
    assert_ne!(first, second);
    for uuid in [first, second] {
        assert_eq!(uuid.get_version_num(), 1);
        let (seconds, nanos) = uuid.get_timestamp().unwrap().to_unix();
        let time = Timestamp::new(i64::try_from(seconds).unwrap(), i32::try_from(nanos).unwrap());
        let late = time.unwrap().duration_since(publication().seen);
        assert!(late.unsigned_abs() < std::time::Duration::from_micros(1), "{late:?}");
    }
}

#[test]
fn a_source_with_more_binaries_than_an_event_can_hold_is_told_with_what_fits() {
    let event = &announce(Dialect::Seed, &source_with(MAX_BINARIES + 7))[0];
    let data = event.get("data").unwrap();
    assert_eq!(data.get("binaries").unwrap().as_array().unwrap().len(), MAX_BINARIES);
    assert_eq!(data.get("binaries_omitted").unwrap().as_i64(), Some(7));
}
