use std::collections::BTreeMap;

use jiff::Timestamp;
use laniakea_event::{Draft, EventId, KeyId, Object, SignedEvent, SignerId, SigningKey};
use rusqlite::Connection;

use super::*;
use crate::{
    apt::{
        fetch::Validators,
        index::{About, BinaryEntry, Entries, IndexName, SourceEntry},
        version::Version,
    },
    config::SuiteName,
    look::{Known, ReleaseFacts, Seen, SeenIndex},
};

fn suite() -> SuiteName {
    SuiteName { archive: "debian".to_owned(), suite: "bookworm".to_owned() }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sources(version: &str) -> Entries {
    Entries::Sources(vec![SourceEntry {
        name: "hello".into(),
        version: Version::parse(version).unwrap(),
        about: About { maintainer: Some("Ada".into()), section: None },
    }])
}

fn packages(version: &str) -> Entries {
    Entries::Packages(vec![BinaryEntry {
        name: "hello".into(),
        version: Version::parse(version).unwrap(),
        architecture: "amd64".into(),
        source: "hello".into(),
        source_version: Version::parse("1.0").unwrap(),
        about: About { maintainer: None, section: Some("devel".into()) },
    }])
}

/// A suite as it is in its `number`th publication: its sources and packages change, a third index
/// is absent.
fn seen(number: u8) -> Seen {
    let version = format!("{number}.0");
    let indexes = [
        ("source", SeenIndex::Read([number; 32], sources(&version))),
        ("amd64", SeenIndex::Read([number + 100; 32], packages(&version))),
        ("arm64", SeenIndex::Absent),
    ];
    let name = |(architecture, index)| (IndexName::new("main", architecture), index);
    Seen {
        validators: Validators {
            url: "http://a/InRelease".to_owned(),
            etag: Some(format!("\"{number}\"")),
            last_modified: None,
        },
        release: ReleaseFacts {
            sha256: [number; 32],
            codename: Some("bookworm".to_owned()),
            date: time(1_000 * i64::from(number)),
            valid_until: (number > 1).then(|| time(9_000)),
        },
        indexes: indexes.into_iter().map(name).collect(),
        left_out: 0,
    }
}

fn events(names: &[&str]) -> Vec<SignedEvent> {
    let signer = SignerId::parse("lookout-test").unwrap();
    let key = SigningKey::from_seed(signer, KeyId::parse("0").unwrap(), &[1; 32]);
    let sign = |name: &&str| {
        let id = EventId::parse(&format!("org.example.{name}")).unwrap();
        Draft::new(id, time(1), Object::new()).sign(&key).unwrap()
    };
    names.iter().map(sign).collect()
}

/// Everything that the store knows.
type Everything = (Option<Known>, Option<Indexes>, Vec<Pending>, Vec<RejectedEvent>);

fn everything(store: &Store) -> Everything {
    (
        store.known(&suite()).unwrap(),
        store.indexes(&suite()).unwrap(),
        store.pending(100).unwrap(),
        store.rejected().unwrap(),
    )
}

#[test]
fn what_was_seen_is_known_after_the_store_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    assert_eq!(everything(&store), (None, None, vec![], vec![]));
    for number in [1, 2] {
        let seen = seen(number);
        store.advance(&suite(), &seen, &events(&["a", "b"])).unwrap();
        drop(store);
        store = Store::open(directory.path()).unwrap();

        let known = store.known(&suite()).unwrap().unwrap();
        assert_eq!((&known.validators, &known.release), (&seen.validators, &seen.release));
        let identities: Vec<_> = known.indexes.values().copied().collect();
        assert_eq!(identities, [Some([number; 32]), Some([number + 100; 32]), None]);

        let version = format!("{number}.0");
        let name = |architecture| IndexName::new("main", architecture);
        let expected: Indexes = BTreeMap::from([
            (name("source"), Some(sources(&version))),
            (name("amd64"), Some(packages(&version))),
            (name("arm64"), None),
        ]);
        assert_eq!(store.indexes(&suite()).unwrap().unwrap(), expected);
        assert_eq!(store.pending_count().unwrap(), u32::from(number) * 2);
    }
}

#[test]
fn an_index_that_stayed_the_same_keeps_its_entries_and_one_that_is_unwatched_goes() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    store.advance(&suite(), &seen(1), &[]).unwrap();
    let mut second = seen(2);
    second.indexes = BTreeMap::from([(IndexName::new("main", "source"), SeenIndex::Same([1; 32]))]);
    store.advance(&suite(), &second, &[]).unwrap();
    let expected = BTreeMap::from([(IndexName::new("main", "source"), Some(sources("1.0")))]);
    assert_eq!(store.indexes(&suite()).unwrap().unwrap(), expected);
    let left: i64 = store
        .connection
        .query_row("SELECT count(*) FROM binary_entry", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0, "entries of an index go with it");
}

/// Each step of the transaction that moves a suite on fails in turn. Nothing of it may be left, and
/// the next try must do it all, once.
#[test]
fn a_transaction_that_fails_at_any_step_changes_nothing() {
    let steps = [
        "BEFORE INSERT ON suite",
        "BEFORE UPDATE ON suite",
        "BEFORE DELETE ON suite_index",
        "BEFORE INSERT ON suite_index",
        "BEFORE INSERT ON source_entry",
        "BEFORE INSERT ON binary_entry",
        "BEFORE INSERT ON outbox",
        "AFTER INSERT ON outbox WHEN (SELECT count(*) FROM outbox) = 4",
    ];
    let mut failed = 0;
    for step in steps {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(directory.path()).unwrap();
        store.advance(&suite(), &seen(1), &events(&["a", "b"])).unwrap();
        let before = everything(&store);

        let trigger =
            format!("CREATE TEMP TRIGGER broken {step} BEGIN SELECT RAISE(ABORT, 'broken'); END");
        store.connection.execute_batch(&trigger).unwrap();
        let outcome = store.advance(&suite(), &seen(2), &events(&["c", "d"]));
        assert!(outcome.is_err(), "{step}");
        assert_eq!(everything(&store), before, "{step}");
        failed += 1;

        // A crash here: the connection is gone, and what was not committed with it.
        drop(store);
        let mut store = Store::open(directory.path()).unwrap();
        assert_eq!(everything(&store), before, "{step}");
        store.advance(&suite(), &seen(2), &events(&["c", "d"])).unwrap();
        assert_eq!(store.known(&suite()).unwrap().unwrap().release, seen(2).release);
        assert_eq!(store.pending_count().unwrap(), 4, "{step}");
    }
    assert_eq!(failed, steps.len());
}

#[test]
fn events_leave_in_their_order_and_keep_their_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let sent = events(&["a", "b", "c"]);
    store.advance(&suite(), &seen(1), &sent).unwrap();
    let pending = store.pending(2).unwrap();
    assert_eq!(pending.len(), 2);
    assert_eq!(pending[0].event, sent[0].bytes());
    assert_eq!(pending[1].digest, sent[1].digest().to_string());

    store.sent(pending[1].position).unwrap();
    let rest = store.pending(100).unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].event, sent[2].bytes());
}

#[test]
fn a_rejected_event_is_set_aside_with_the_reason_and_never_both_here_and_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    store.advance(&suite(), &seen(1), &events(&["a", "b"])).unwrap();
    let first = store.pending(1).unwrap().remove(0);

    let broken = "CREATE TEMP TRIGGER broken BEFORE DELETE ON outbox \
        BEGIN SELECT RAISE(ABORT, 'broken'); END";
    store.connection.execute_batch(broken).unwrap();
    store.set_aside(&first, "stale", "too old", time(5)).unwrap_err();
    assert_eq!((store.pending_count().unwrap(), store.rejected().unwrap()), (2, vec![]));

    store.connection.execute_batch("DROP TRIGGER broken").unwrap();
    store.set_aside(&first, "stale", "too old", time(5)).unwrap();
    let rejected = RejectedEvent {
        digest: first.digest,
        reason: "stale".to_owned(),
        detail: "too old".to_owned(),
    };
    assert_eq!((store.pending_count().unwrap(), store.rejected().unwrap()), (1, vec![rejected]));
}

#[test]
fn two_lookouts_cannot_use_one_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = Store::open(directory.path()).unwrap();
    assert!(matches!(
        Store::open(directory.path()),
        Err(StoreError::Lock(LockError::InUse { .. }))
    ));
    drop(first);
    Store::open(directory.path()).unwrap();
}

#[test]
fn files_of_others_are_refused_and_left_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(DATABASE);

    std::fs::write(
        &path,
        "a shopping list, long enough to be read as a header of a database file: \
        eggs, flour, milk",
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Store::open(directory.path()), Err(StoreError::Foreign { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mail (subject TEXT)").unwrap();
    assert!(matches!(Store::open(directory.path()), Err(StoreError::Foreign { .. })));
}

#[test]
fn a_database_of_a_newer_lookout_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let path = directory.path().join(DATABASE);
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(error.to_string().ends_with("(schema 2, this one knows 1)"), "{error}");
}

#[test]
fn a_damaged_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    store.advance(&suite(), &seen(1), &events(&["a"])).unwrap();
    store.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(store);
    let path = directory.path().join(DATABASE);
    let mut bytes = std::fs::read(&path).unwrap();
    // All pages but the first, which holds the header and the schema.
    bytes[4096..].fill(0xaa);
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}
