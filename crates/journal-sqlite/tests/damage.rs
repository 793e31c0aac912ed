//! Damage that is met while reading: it is named, and never served or fatal to the reader.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use laniakea_event::{Digest, Prefix, Seq};
use laniakea_journal::{
    Budget, Entry, Journal, JournalError, Query, StoredEvent,
    conformance::fixture::{self, event},
};
use laniakea_journal_sqlite::{OpenError, SqliteJournal};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

type Test = Result<(), Box<dyn Error>>;

fn open(path: &Path) -> Result<SqliteJournal, OpenError> {
    SqliteJournal::open(path, fixture::relay(), Uuid::from_u128(42))
}

/// Enough events for one complete block and some behind it.
const COUNT: u64 = 4200;

fn filled(path: &Path) -> Result<SqliteJournal, Box<dyn Error>> {
    let journal = open(path)?;
    let entries: Vec<Entry> = (1..=COUNT).map(|n| event(id(n), n).entry()).collect();
    journal.append(entries)?;
    Ok(journal)
}

fn id(number: u64) -> &'static str {
    if number.is_multiple_of(10) { "org.example.tenth" } else { "_lk.core.ping" }
}

fn query(after: u64, prefixes: &[&str]) -> Result<Query, Box<dyn Error>> {
    let prefixes: Result<_, _> = prefixes.iter().map(|text| Prefix::parse(text)).collect();
    Ok(Query {
        after: Seq(after),
        prefixes: prefixes?,
        limit: 100,
        max_bytes: 4 << 20,
        budget: Budget::UNLIMITED,
    })
}

#[test]
fn a_page_ends_before_a_damaged_event_and_the_next_one_names_it() -> Test {
    for sql in [
        "UPDATE event SET frame = zeroblob(500) WHERE seq = 50",
        "UPDATE event SET id = CAST(x'ff' AS TEXT) WHERE seq = 50",
        "UPDATE event SET id = '_lk.core.pong' WHERE seq = 50",
        "UPDATE event SET digest = x'' WHERE seq = 50",
        "UPDATE event SET checksum = -1 WHERE seq = 50",
        "UPDATE event SET received = 9223372036854775807 WHERE seq = 50",
        "DELETE FROM event WHERE seq = 50",
    ] {
        let directory = TempDir::new()?;
        let path = directory.path().join("journal");
        let journal = open(&path)?;
        journal.append((1..=100).map(|n| event(id(n), n).entry()).collect())?;
        Connection::open(&path)?.execute_batch(sql)?;

        let page = journal.read(&query(0, &[])?)?;
        assert_eq!((page.events.len(), page.next), (49, Seq(49)), "{sql}");
        let error = journal.read(&query(49, &[])?).expect_err("the event is damaged");
        let JournalError::DamagedEvent { seq, .. } = &error else {
            panic!("{sql}: {error}");
        };
        assert_eq!(*seq, Seq(50));
        assert!(!error.is_recoverable());
        let page = journal.read(&query(50, &[])?)?;
        assert_eq!((page.events.len(), page.next), (50, Seq(100)), "{sql}");
        // Appends go on.
        journal.append(vec![event("_lk.core.ping", 1000).entry()])?;
    }
    Ok(())
}

#[test]
fn a_filtered_page_ends_before_a_damaged_event_too() -> Test {
    for seq in [50, 4150] {
        for sql in [
            format!("UPDATE event SET frame = zeroblob(500) WHERE seq = {seq}"),
            format!("DELETE FROM event WHERE seq = {seq}"),
        ] {
            let directory = TempDir::new()?;
            let path = directory.path().join("journal");
            let journal = filled(&path)?;
            Connection::open(&path)?.execute_batch(&sql)?;
            let page = journal.read(&query(seq - 25, &["org."])?)?;
            assert_eq!(page.events.len(), 2, "{sql}");
            let error = journal.read(&query(page.next.0, &["org."])?).expect_err("it is damaged");
            assert!(
                matches!(error, JournalError::DamagedEvent { seq: named, .. } if named == Seq(seq))
            );
            let page = journal.read(&query(seq, &["org."])?)?;
            assert_eq!(page.events[0].seq, Seq(seq + 10));
        }
    }
    Ok(())
}

#[test]
fn an_event_that_the_index_calls_by_another_id_is_damaged() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal");
    let journal = filled(&path)?;
    let other = Connection::open(&path)?;
    other.execute_batch(
        "UPDATE event SET (received, id, digest, checksum, frame) =
            (SELECT received, id, digest, checksum, frame FROM event WHERE seq = 11)
            WHERE seq = 10",
    )?;
    let error = journal.read(&query(9, &["org."])?).expect_err("it is another event");
    assert!(matches!(error, JournalError::DamagedEvent { seq: Seq(10), .. }), "{error}");
    Ok(())
}

#[test]
fn a_damaged_index_hides_no_event() -> Test {
    for sql in [
        "UPDATE id_block SET offsets = x'0000'",
        "UPDATE id_block SET checksum = 5",
        "UPDATE id_block SET offsets = substr(offsets, 3)",
        "UPDATE digest_block SET entries = x''",
        "UPDATE digest_block SET entries = zeroblob(9999)",
    ] {
        let directory = TempDir::new()?;
        let path = directory.path().join("journal");
        let journal = filled(&path)?;
        let first = journal.read(&query(0, &[])?)?.events.swap_remove(0);
        let before = read_what_is_left(&journal, &["org."]);
        assert_eq!(before.len(), 420);
        Connection::open(&path)?.execute_batch(sql)?;
        assert_eq!(read_what_is_left(&journal, &["org."]), before, "{sql}");
        assert_eq!(journal.find(&first.digest)?, Some(first), "{sql}");
        let absent = Digest::from_bytes([7; 32]);
        assert_eq!(journal.find(&absent)?, None, "{sql}");
    }
    Ok(())
}

/// Overwrites the page of the file in which this event stands, and says how many events were in it.
fn overwrite_page_of(path: &Path, event: &StoredEvent) -> Result<usize, Box<dyn Error>> {
    let shell = Connection::open(path)?;
    shell.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let page: u32 = shell.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let page = usize::try_from(page)?;
    let mut bytes = fs::read(path)?;
    let at = bytes.windows(event.frame.len()).position(|window| window == event.frame);
    let start = at.ok_or("the event stands in the file")? / page * page;
    let content = &mut bytes[start..start + page];
    let count = content.windows(11).filter(|window| window == b"\"signatures").count();
    content.fill(0xaa);
    fs::write(path, bytes)?;
    Ok(count)
}

#[test]
fn a_part_of_the_file_that_makes_no_sense_hides_its_own_events_alone() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal");
    let journal = filled(&path)?;
    let before = read_what_is_left(&journal, &[]);
    let count = overwrite_page_of(&path, &before[2000])?;
    assert!(count > 2, "{count}");
    let mut damaged = 0;
    let mut query = query(0, &[])?;
    let mut left = Vec::new();
    while query.after < Seq(COUNT) {
        match journal.read(&query) {
            Ok(page) => {
                query.after = page.next;
                left.extend(page.events);
            }
            Err(JournalError::DamagedEvent { seq, .. }) => {
                assert_eq!(seq, query.after.next());
                query.after = seq;
                damaged += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
    assert_eq!(damaged, count);
    assert_eq!(left.len(), before.len() - count);
    assert!(left.iter().all(|event| before.contains(event)));
    // With a filter, by time and by digest it is no different.
    let tenth = read_what_is_left(&journal, &["org."]);
    let readable = left.iter().filter(|event| event.id.as_str() == "org.example.tenth");
    assert_eq!(tenth, readable.cloned().collect::<Vec<_>>());
    for event in [&left[10], &left[1990], &left[2100]] {
        assert!(journal.position_at(event.received, Budget::UNLIMITED)? < event.seq);
        assert_eq!(journal.find(&event.digest)?.as_ref(), Some(event));
    }
    Ok(())
}

/// What is read of a journal, damaged events passed over.
fn read_what_is_left(journal: &SqliteJournal, prefixes: &[&str]) -> Vec<StoredEvent> {
    let mut events = Vec::new();
    let mut query = query(0, prefixes).expect("well-formed prefixes");
    loop {
        match journal.read(&query) {
            Ok(page) => {
                events.extend(page.events);
                if page.next >= page.last {
                    return events;
                }
                assert!(page.next > query.after);
                query.after = page.next;
            }
            Err(JournalError::DamagedEvent { seq, .. }) => {
                assert!(seq > query.after);
                query.after = seq;
            }
            Err(_) => return events,
        }
    }
}

#[test]
fn no_flipped_bit_changes_an_event_or_makes_anything_panic() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal");
    let journal = open(&path)?;
    journal.append((1..=60).map(|n| event(id(n), n).uuid(n.into()).entry()).collect())?;
    let originals: BTreeMap<Seq, StoredEvent> =
        read_what_is_left(&journal, &[]).into_iter().map(|event| (event.seq, event)).collect();
    assert_eq!(originals.len(), 60);
    drop(journal);
    let bytes = fs::read(&path)?;
    let (mut refused, mut at) = (0, 1);
    for round in 0..400 {
        // A linear congruence, so that every run flips the same bits.
        at = (at * 6_364_136_223_846_793_005_u128 + 1_442_695_040_888_963_407) % (1 << 64);
        let mut flipped = bytes.clone();
        let bit = usize::try_from(at >> 16)? % (bytes.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        let path = directory.path().join(format!("flipped{round}"));
        fs::write(&path, flipped)?;
        let Ok(journal) = open(&path) else {
            refused += 1;
            continue;
        };
        for prefixes in [&[][..], &["_lk."], &["org.example.tenth"]] {
            for event in read_what_is_left(&journal, prefixes) {
                assert_eq!(originals.get(&event.seq), Some(&event), "bit {bit}");
            }
        }
        for event in originals.values() {
            if let Ok(Some(found)) = journal.find(&event.digest) {
                assert_eq!(found, *event, "bit {bit}");
            }
        }
        // Whatever comes of it, it comes as a value.
        let _ = journal.append(vec![event("_lk.core.ping", 1000).entry()]);
        let _ = journal.prune(jiff::Timestamp::MAX);
    }
    assert!(refused > 200, "only {refused} of 400 were refused");
    Ok(())
}
