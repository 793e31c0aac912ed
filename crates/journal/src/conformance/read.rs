//! Pages and lookups.

use std::time::Instant;

use laniakea_event::{Digest, Prefix, Seq};

use super::{Factory, fixture::event, journal_all, query, read, read_to_the_end, seqs};
use crate::{Budget, Journal, JournaledEvent, Query, StoredEvent};

/// By position: which event has which id.
const IDS: [&str; 8] = [
    "_lk.core.ping",
    "_lk.core.pinged",
    "_lk.archive.package-synced",
    "_lk.core.ping",
    "_lk.archives.package-synced",
    "org.example.job",
    "_lk.archive.suite.published",
    "org.example.job",
];

fn filled(factory: &impl Factory) -> (Box<dyn Journal>, Vec<JournaledEvent>) {
    let journal = factory.create();
    let group: Vec<_> = (1..).zip(IDS).map(|(number, id)| event(id, number).entry()).collect();
    let journaled = journal_all(&*journal, &group);
    (journal, journaled)
}

fn selected(journal: &dyn Journal, prefixes: &[&str]) -> Vec<u64> {
    seqs(&read_to_the_end(journal, query(0, prefixes)))
}

/// From every position, with pages of every size.
pub fn pages_follow_each_other_without_gap_or_repetition(factory: &impl Factory) {
    let (journal, journaled) = filled(factory);
    let stored: Vec<StoredEvent> = journaled.iter().map(StoredEvent::from).collect();
    for after in 0..=8 {
        for limit in 1..=9 {
            let all = Query { limit, ..query(after, &[]) };
            let from = usize::try_from(after).expect("a small number");
            assert_eq!(read_to_the_end(&*journal, all), stored[from..]);
            let some = Query { limit, ..query(after, &["_lk.core.ping", "org."]) };
            let expected: Vec<u64> = [1, 4, 6, 8].into_iter().filter(|&seq| seq > after).collect();
            assert_eq!(seqs(&read_to_the_end(&*journal, some)), expected);
        }
    }
}

/// And nothing that is merely spelled alike.
pub fn a_dotted_prefix_selects_what_is_below_it(factory: &impl Factory) {
    let (journal, _) = filled(factory);
    assert_eq!(selected(&*journal, &["_lk."]), [1, 2, 3, 4, 5, 7]);
    assert_eq!(selected(&*journal, &["_lk.archive."]), [3, 7]);
    assert_eq!(selected(&*journal, &["_lk.archive.suite."]), [7]);
    assert_eq!(selected(&*journal, &["org.example."]), [6, 8]);
}

/// Although longer ids begin with it.
pub fn a_whole_id_selects_itself_alone(factory: &impl Factory) {
    let (journal, _) = filled(factory);
    assert_eq!(selected(&*journal, &["_lk.core.ping"]), [1, 4]);
    assert_eq!(selected(&*journal, &["_lk.core.pinged"]), [2]);
    assert_eq!(selected(&*journal, &["_lk.archive.suite"]), []);
}

/// Also where they overlap or say the same twice.
pub fn several_prefixes_select_each_event_once(factory: &impl Factory) {
    let (journal, _) = filled(factory);
    assert_eq!(selected(&*journal, &["_lk.core.ping", "org."]), [1, 4, 6, 8]);
    let overlapping = ["_lk.core.", "_lk.core.ping", "_lk.core.", "_lk.archive."];
    assert_eq!(selected(&*journal, &overlapping), [1, 2, 3, 4, 7]);
    assert_eq!(selected(&*journal, &["no.such.", "org."]), [6, 8]);
}

/// And goes on from there when one that matches comes.
pub fn a_prefix_that_matches_nothing_reaches_the_end(factory: &impl Factory) {
    let (journal, _) = filled(factory);
    for prefix in ["no.such.", "no.such.id", "_lk.core.pin", "a.", "zz."] {
        assert_eq!(selected(&*journal, &[prefix]), []);
    }
    journal_all(&*journal, &[event("_lk.core.pin", 9).entry()]);
    assert_eq!(seqs(&read_to_the_end(&*journal, query(8, &["_lk.core.pin"]))), [9]);
}

/// However small the budget: pages are short or empty, every one gets on, and together they have
/// what one page has.
pub fn a_budget_ends_a_page_and_loses_nothing(factory: &impl Factory) {
    let (journal, journaled) = filled(factory);
    let stored: Vec<StoredEvent> = journaled.iter().map(StoredEvent::from).collect();
    for rows in 0..=9 {
        for (prefixes, expected) in [
            (&[][..], &[1, 2, 3, 4, 5, 6, 7, 8][..]),
            (&["org."], &[6, 8]),
            (&["_lk.core.ping", "_lk.archive.suite."], &[1, 4, 7]),
            (&["no.such."], &[]),
        ] {
            let query = Query { budget: Budget::of_rows(rows), ..query(0, prefixes) };
            let found = read_to_the_end(&*journal, query.clone());
            let expected: Vec<StoredEvent> =
                stored.iter().filter(|event| expected.contains(&event.seq.0)).cloned().collect();
            assert_eq!(found, expected, "{rows} rows of {prefixes:?}");
            // One step for each row, and one in any case.
            let page = read(&*journal, &query);
            assert!(page.next.0 <= (rows as u64).max(1), "{rows} rows reached {}", page.next);
        }
    }
    let over = Budget { until: Some(Instant::now()), ..Budget::UNLIMITED };
    let query = Query { budget: over, ..query(0, &["org."]) };
    assert_eq!(seqs(&read_to_the_end(&*journal, query)), [6, 8]);
}

/// Also where a store looks things up in an index: reading goes on in the middle of it.
pub fn a_budget_ends_a_long_search(factory: &impl Factory) {
    const COUNT: u64 = 13_000;
    let journal = factory.create();
    for start in (1..=COUNT).step_by(1000) {
        let group = (start..start + 1000).map(|number| {
            let id = if number % 6_500 == 0 { "org.example.rare" } else { "_lk.core.ping" };
            event(id, number).entry()
        });
        journal_all(&*journal, &group.collect::<Vec<_>>());
    }
    for (prefixes, expected) in [
        (&["no.such."][..], &[][..]),
        (&["org.example.rare"], &[6_500, 13_000]),
        (&["a.", "org.example.rare", "z."], &[6_500, 13_000]),
    ] {
        for rows in [1, 100, 5_000] {
            let query = Query { budget: Budget::of_rows(rows), ..query(0, prefixes) };
            assert_eq!(seqs(&read_to_the_end(&*journal, query.clone())), expected);
        }
        let page = read(&*journal, &Query { budget: Budget::of_rows(1), ..query(0, prefixes) });
        assert!(page.next < page.last, "one row was not to reach {}", page.next);
    }
    let many: Vec<String> = (0..1_000).map(|number| format!("org.no-such-{number}.")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    many.push("org.example.rare");
    let query = Query { budget: Budget::of_rows(50), ..query(0, &many) };
    assert_eq!(seqs(&read_to_the_end(&*journal, query)), [6_500, 13_000]);
}

/// Wherever they are: a store may look for them in steps, and must miss none.
pub fn rare_events_are_found_among_many(factory: &impl Factory) {
    const COUNT: u64 = 9000;
    let journal = factory.create();
    let rare = [1, 700, 4095, 4096, 4097, 8192, 8193, COUNT];
    for start in (1..=COUNT).step_by(1000) {
        let group = (start..start + 1000).map(|number| {
            let id = if rare.contains(&number) { "org.example.rare" } else { "_lk.core.ping" };
            event(id, number).entry()
        });
        journal_all(&*journal, &group.collect::<Vec<_>>());
    }
    let journal = factory.reopen(journal);
    for limit in [1, 3, 500] {
        let query = Query { limit, ..query(0, &["org."]) };
        assert_eq!(seqs(&read_to_the_end(&*journal, query)), rare);
    }
    assert_eq!(selected(&*journal, &["_lk."]).len() as u64, COUNT - rare.len() as u64);
    assert_eq!(selected(&*journal, &["_lk.", "org.example.rare"]).len() as u64, COUNT);
    for seq in rare {
        let page = read(&*journal, &Query { limit: 1, ..query(seq - 1, &["org."]) });
        let found = journal.find(&page.events[0].digest).expect("it can be read");
        assert_eq!(found.as_ref(), page.events.first());
    }
}

/// As no prefix does.
pub fn the_empty_prefix_selects_everything(factory: &impl Factory) {
    let (journal, _) = filled(factory);
    let everything = Query { prefixes: vec![Prefix::everything()], ..query(0, &[]) };
    assert_eq!(read_to_the_end(&*journal, everything).len(), IDS.len());
    assert_eq!(selected(&*journal, &["", "org."]).len(), IDS.len());
}

/// A limit of 0 counts as 1.
pub fn a_page_holds_no_more_than_its_limit(factory: &impl Factory) {
    let (journal, _) = filled(factory);
    for (limit, expected) in [(0, 1), (1, 1), (3, 3), (8, 8), (9, 8), (usize::MAX, 8)] {
        let page = read(&*journal, &Query { limit, ..query(0, &[]) });
        assert_eq!(page.events.len(), expected);
        assert_eq!(page.next, Seq(expected as u64));
        assert_eq!((page.first, page.last), (Seq(1), Seq(8)));
    }
}

/// One event is read however large it is.
pub fn a_page_holds_no_more_than_its_bytes_but_one_event(factory: &impl Factory) {
    let journal = factory.create();
    let sizes = [0, 50_000, 0, 0, 200_000, 0];
    let group: Vec<_> =
        (1..).zip(sizes).map(|(n, size)| event("_lk.core.ping", n).padding(size).entry()).collect();
    let journaled = journal_all(&*journal, &group);
    let bytes: Vec<usize> = journaled.iter().map(|event| event.frame().len()).collect();

    let first =
        |after, max_bytes| read(&*journal, &Query { max_bytes, ..query(after, &[]) }).events.len();
    assert_eq!(first(0, bytes[0] + bytes[1]), 2);
    assert_eq!(first(0, bytes[0] + bytes[1] - 1), 1);
    assert_eq!(first(0, 0), 1);
    assert_eq!(first(4, 1), 1);
    assert_eq!(first(0, usize::MAX), 6);
    for max_bytes in [0, 1, bytes[0], bytes[0] * 3, 100_000] {
        for prefixes in [&[][..], &["_lk."], &["_lk.core.ping", "org."]] {
            let query = Query { max_bytes, ..query(0, prefixes) };
            assert_eq!(read_to_the_end(&*journal, query).len(), sizes.len());
        }
    }
}

/// Its `next` stays, so that nobody takes it for caught up.
pub fn a_position_of_another_history_reads_nothing(factory: &impl Factory) {
    let (journal, _) = filled(factory);
    for after in [9, 1000, u64::MAX] {
        for prefixes in [&[][..], &["org."]] {
            let page = read(&*journal, &query(after, prefixes));
            assert_eq!(page.events, []);
            assert_eq!(page.next, Seq(after));
            assert_eq!(page.last, Seq(8));
        }
    }
}

/// And no other.
pub fn a_digest_finds_its_event(factory: &impl Factory) {
    let (journal, journaled) = filled(factory);
    for event in &journaled {
        let found = journal.find(&event.digest()).expect("it can be read");
        assert_eq!(found, Some(StoredEvent::from(event)));
    }
    assert_eq!(journal.find(&Digest::of(b"unknown")).expect("it can be read"), None);
}
