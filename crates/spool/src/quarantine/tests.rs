//! Events that failed, and files that somebody damaged.

use std::fs;

use laniakea_event::{Draft, KeyId, Object, Seq, SignerId, SigningKey, Value};
use proptest::{prelude::*, sample::Index};
use tempfile::TempDir;

use super::*;

fn event(number: u64) -> Vec<u8> {
    let key = SigningKey::from_seed(
        SignerId::parse("archive-01").unwrap(),
        KeyId::parse("0").unwrap(),
        &[7; 32],
    );
    let data = Object::from([("number".to_owned(), Value::from(number))]);
    let id = EventId::parse("_lk.core.ping").unwrap();
    Draft::new(id, Timestamp::UNIX_EPOCH, data).sign(&key).unwrap().into_bytes()
}

fn quarantine(events: usize) -> (TempDir, Quarantine) {
    let place = tempfile::tempdir().unwrap();
    let bounds = Bounds { events, ..Quarantine::BOUNDS };
    let quarantine = Quarantine::open(place.path().join("held"), bounds).unwrap();
    (place, quarantine)
}

fn failures(error: &str) -> Failures {
    Failures::new(error, Timestamp::UNIX_EPOCH).again(error, Timestamp::from_second(9).unwrap())
}

#[test]
fn an_event_is_kept_as_it_was_published_with_what_went_wrong() {
    let (_place, quarantine) = quarantine(9);
    let position = "00000000-0000-0000-0000-000000000007:41".parse().unwrap();
    let name = quarantine.set_aside(&event(1), Some(position), &failures("a\u{1b}b\nc")).unwrap();
    let held = quarantine.read(name).unwrap().unwrap().unwrap();
    assert_eq!((held.frame.as_slice(), held.id.as_str()), (event(1).as_slice(), "_lk.core.ping"));
    assert_eq!(held.position.unwrap().seq, Seq(41));
    assert_eq!(held.failures, failures("a\\u{1b}b\nc"));
    assert!(held.note().is_none());
}

#[test]
fn an_event_is_there_once_however_often_it_is_set_aside() {
    let (_place, quarantine) = quarantine(2);
    let name = quarantine.set_aside(&event(1), None, &failures("first")).unwrap();
    assert_eq!(quarantine.set_aside(&event(1), None, &failures("second")).unwrap(), name);
    quarantine.set_aside(&event(2), None, &failures("")).unwrap();
    // It is full, and what is there already needs no room.
    assert!(matches!(
        quarantine.set_aside(&event(3), None, &failures("")),
        Err(SpoolError::Full { events: 2, .. })
    ));
    assert_eq!(quarantine.set_aside(&event(1), None, &failures("third")).unwrap(), name);
    let held = quarantine.read(name).unwrap().unwrap().unwrap();
    assert_eq!((held.failures.error.as_str(), quarantine.names().unwrap().len()), ("third", 2));
}

#[test]
fn what_was_removed_meanwhile_does_not_come_back() {
    let (_place, quarantine) = quarantine(2);
    let name = quarantine.set_aside(&event(1), None, &failures("x")).unwrap();
    let mut held = quarantine.read(name).unwrap().unwrap().unwrap();
    held.failures = held.failures.again("y", Timestamp::from_second(10).unwrap());
    quarantine.failed_again(&held).unwrap();
    let again = quarantine.read(name).unwrap().unwrap().unwrap();
    assert_eq!((again.failures.attempts, again.failures.error.as_str()), (3, "y"));
    assert_eq!(quarantine.remove(&[name]).unwrap(), 1);
    quarantine.failed_again(&held).unwrap();
    assert!(quarantine.read(name).unwrap().is_none());
}

#[test]
fn damage_is_told() {
    let (_place, quarantine) = quarantine(2);
    let name = quarantine.set_aside(&event(1), None, &failures("x")).unwrap();
    let path = quarantine.path().join(name.to_string());
    let good = fs::read_to_string(&path).unwrap();
    for (from, to) in [
        (good.as_str(), ""),
        ("\"attempts\":2", "\"attempts\":-1"),
        ("1970-01-01T00:00:00Z\",\"last", "yesterday\",\"last"),
        ("\"position\":null", "\"position\":\"x\""),
        ("\"number\":1", "\"number\":2"),
    ] {
        let damaged = good.replacen(from, to, 1);
        assert_ne!(damaged, good, "{from}");
        fs::write(&path, damaged).unwrap();
        assert!(quarantine.read(name).unwrap().unwrap().is_err(), "{from}");
    }
}

proptest! {
    #[test]
    fn no_damage_makes_it_panic_or_changes_the_event(at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let name = Name { number: 1, digest: digest_of(&event(1)) };
        let about = About {
            error: "x".to_owned(),
            attempts: 2,
            first: Timestamp::UNIX_EPOCH.to_string(),
            last: Timestamp::UNIX_EPOCH.to_string(),
            position: None,
        };
        let mut file = record::write(&about, &event(1)).unwrap();
        let at = at.index(file.len());
        if cut {
            file.truncate(at);
        } else {
            file[at] = byte;
        }
        if let Ok(held) = open(&file, name) {
            // Signatures are checked by whoever handles it; what they cover is what it was.
            prop_assert_eq!(digest_of(&held.frame), name.digest);
        }
    }
}

fn digest_of(frame: &[u8]) -> Digest {
    SubmittedEvent::parse(frame, &Limits::FROM_RELAY).unwrap().digest()
}
