//! The chain under each prefix by which consumers find gaps.

use std::collections::BTreeMap;

use laniakea_event::{Limits, RelayNote, Seq, SubmittedEvent};

use super::{
    Factory,
    fixture::{at, event},
    journal_all,
};
use crate::{Journal, JournaledEvent};

/// Ids that share prefixes of every length; the last two differ as byte prefixes only.
const IDS: [&str; 5] = [
    "_lk.archive.package-synced",
    "_lk.archive.suite.published",
    "org.example.job",
    "_lk.core.ping",
    "_lk.core.pinged",
];

fn prev(event: &JournaledEvent) -> BTreeMap<String, Seq> {
    let frame = SubmittedEvent::parse(event.frame(), &Limits::FROM_RELAY).expect("an event");
    RelayNote::parse(frame.unsigned().expect("a note")).expect("a whole note").prev
}

/// The last event of each prefix, as a reader of the protocol would count.
#[derive(Default)]
struct Expected {
    last: BTreeMap<String, Seq>,
    appended: usize,
}

impl Expected {
    /// Appends so many events of mixed ids as one group, and compares.
    fn append(&mut self, journal: &dyn Journal, count: usize) {
        let numbers = self.appended..self.appended + count;
        self.appended += count;
        // In an order that is not simply round and round.
        let group = numbers.map(|number| {
            event(IDS[(number * number * 3 + number / 7) % IDS.len()], number as u64).entry()
        });
        for event in journal_all(journal, &group.collect::<Vec<_>>()) {
            let prefixes = event.id().prefixes().map(ToOwned::to_owned);
            let expected: BTreeMap<String, Seq> = prefixes
                .map(|prefix| {
                    let before = self.last.insert(prefix.clone(), event.seq());
                    (prefix, before.unwrap_or(Seq::START))
                })
                .collect();
            assert_eq!(prev(&event), expected, "of event {}", event.seq());
        }
    }
}

/// In one group and over several.
pub fn prev_names_the_event_before_under_each_prefix(factory: &impl Factory) {
    let journal = factory.create();
    let mut expected = Expected::default();
    for size in [1, 30, 1, 1, 50, 2] {
        expected.append(&*journal, size);
    }
}

/// `_lk.core.ping` is none of `_lk.core.pinged`.
pub fn a_whole_id_is_not_the_prefix_of_a_longer_one(factory: &impl Factory) {
    let journal = factory.create();
    let group = ["_lk.core.ping", "_lk.core.pinged", "_lk.core.ping"];
    let group: Vec<_> = (1..).zip(group).map(|(number, id)| event(id, number).entry()).collect();
    let journaled = journal_all(&*journal, &group);
    assert_eq!(prev(&journaled[1]).get("_lk.core.pinged"), Some(&Seq(0)));
    assert_eq!(prev(&journaled[1]).get("_lk.core.ping"), None);
    assert_eq!(prev(&journaled[2]).get("_lk.core.ping"), Some(&Seq(1)));
    assert_eq!(prev(&journaled[2]).get("_lk.core."), Some(&Seq(2)));
}

/// A restart is no gap.
pub fn prev_counts_on_over_a_restart(factory: &impl Factory) {
    let mut journal = factory.create();
    let mut expected = Expected::default();
    for _ in 0..4 {
        expected.append(&*journal, 7);
        journal = factory.reopen(journal);
    }
}

/// Nor is retention.
pub fn prev_names_events_that_retention_removed(factory: &impl Factory) {
    let mut journal = factory.create();
    let mut expected = Expected::default();
    for _ in 0..3 {
        expected.append(&*journal, 9);
        assert_eq!(journal.prune(at(1)).expect("pruning"), 9);
        expected.append(&*journal, 1);
        journal.prune(at(1)).expect("pruning");
        journal = factory.reopen(journal);
    }
}
