//! Reads that go through the index of several blocks, compared with a plain list.

use std::error::Error;

use laniakea_event::{Digest, EventId, Prefix, Seq};
use laniakea_journal::{
    Appended, Budget, Entry, Journal, Query,
    conformance::fixture::{self, at, event},
};
use laniakea_journal_sqlite::SqliteJournal;
use tempfile::TempDir;
use uuid::Uuid;

type Test = Result<(), Box<dyn Error>>;

/// Two complete blocks and a part of the third.
const COUNT: u64 = 9500;

/// By position, less one: every event's id and digest.
type Events = Vec<(EventId, Digest)>;

fn id(number: u64) -> &'static str {
    match number {
        n if n.is_multiple_of(997) => "org.example.rare",
        n if n.is_multiple_of(7) => "_lk.archive.seventh",
        n if n.is_multiple_of(3) => "_lk.core.third",
        _ => "_lk.core.thirds",
    }
}

fn fill(journal: &SqliteJournal) -> Result<Events, Box<dyn Error>> {
    let mut events = Vec::new();
    // Groups that end before, on and behind the ends of blocks; one completes two of them.
    for (from, to) in [(0, 1), (1, 4000), (4000, 4095), (4095, 9000), (9000, COUNT)] {
        let group: Vec<Entry> = (from + 1..=to)
            .map(|number| event(id(number), number).received(at(number.cast_signed())).entry())
            .collect();
        for outcome in journal.append(group)? {
            let Appended::Journaled(event) = outcome else {
                return Err("an event was not new".into());
            };
            events.push((event.id().clone(), event.digest()));
        }
    }
    Ok(events)
}

fn select(
    journal: &SqliteJournal,
    after: u64,
    prefixes: &[Prefix],
    limit: usize,
    budget: Budget,
) -> Result<Vec<u64>, Box<dyn Error>> {
    let (mut after, mut found) = (Seq(after), Vec::new());
    loop {
        let prefixes = prefixes.to_vec();
        let page = journal.read(&Query { after, prefixes, limit, max_bytes: 4 << 20, budget })?;
        found.extend(page.events.iter().map(|event| event.seq.0));
        if page.next >= page.last {
            return Ok(found);
        }
        after = page.next;
    }
}

fn check(journal: &SqliteJournal, events: &Events, first: u64) -> Test {
    let filters: [&[&str]; 6] = [
        &["_lk."],
        &["org.example.rare"],
        &["_lk.core.third"],
        &["_lk.archive.", "org.example.rare"],
        &["no.such."],
        &[],
    ];
    for filter in filters {
        let prefixes: Result<Vec<_>, _> = filter.iter().map(|text| Prefix::parse(text)).collect();
        let prefixes = prefixes?;
        let is_selected = |seq: u64| {
            let (id, _) = &events[usize::try_from(seq).expect("a small number") - 1];
            prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.matches(id))
        };
        for after in [0, 4095, 4096, 8192, 9499] {
            let expected: Vec<u64> =
                (first.max(after + 1)..=COUNT).filter(|&seq| is_selected(seq)).collect();
            for budget in [Budget::UNLIMITED, Budget::of_rows(300)] {
                let found = select(journal, after, &prefixes, 450, budget)?;
                assert_eq!(found, expected, "{filter:?} {after}");
            }
        }
    }
    for seq in [1, 2, 4095, 4096, 4097, 5000, 8192, 8193, COUNT] {
        let (_, digest) = &events[usize::try_from(seq)? - 1];
        let found = journal.find(digest)?.map(|event| event.seq.0);
        assert_eq!(found, (seq >= first).then_some(seq));
        let position = journal.position_at(at(seq.cast_signed()), Budget::UNLIMITED)?;
        assert_eq!(position.0, seq.max(first) - 1);
    }
    Ok(())
}

#[test]
fn reads_agree_with_a_plain_list() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal");
    let open = || SqliteJournal::open(&path, fixture::relay(), Uuid::from_u128(1));
    let journal = open()?;
    let events = fill(&journal)?;
    check(&journal, &events, 1)?;
    drop(journal);
    let mut journal = open()?;
    // Into a block, to its end, into the events behind the index.
    for first in [3000, 4097, 9000] {
        journal.prune(at(i64::try_from(first)?))?;
        drop(journal);
        journal = open()?;
        check(&journal, &events, first)?;
    }
    Ok(())
}

#[test]
fn blocks_are_indexed_although_retention_removed_some_of_their_events() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal");
    let open = || SqliteJournal::open(&path, fixture::relay(), Uuid::from_u128(1));
    let ping = |number: u64| event("_lk.core.ping", number).received(at(number.cast_signed()));
    let entries = |from: u64, to: u64| (from..=to).map(|number| ping(number).entry()).collect();
    let prefixes = [Prefix::parse("_lk.core.")?];
    for reopens in [false, true] {
        let mut journal = open()?;
        let start = journal.bounds()?.last.0;
        journal.append(entries(start + 1, start + 4000))?;
        journal.prune(at(i64::try_from(start + 2000)?))?;
        if reopens {
            drop(journal);
            journal = open()?;
        }
        journal.append(entries(start + 4001, start + 4096))?;
        let left: Vec<u64> = (start + 2000..=start + 4096).collect();
        assert_eq!(select(&journal, 0, &prefixes, 1000, Budget::UNLIMITED)?, left);
        journal.prune(jiff::Timestamp::MAX)?;
        assert_eq!(select(&journal, 0, &prefixes, 1000, Budget::UNLIMITED)?, []);
    }
    Ok(())
}
