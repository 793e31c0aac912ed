//! Seqs, and the id of the journal.

use laniakea_event::Seq;

use super::{
    Factory, append_one, bounds,
    fixture::{at, event},
    journal_all, query, read_to_the_end, seqs,
};
use crate::{Appended, Budget};

/// `first` 1 and `last` 0, and nothing to read.
pub fn a_new_journal_is_empty(factory: &impl Factory) {
    let journal = factory.create();
    assert_eq!(bounds(&*journal), (1, 0));
    assert_eq!(read_to_the_end(&*journal, query(0, &[])), []);
    assert_eq!(journal.position_at(at(0), Budget::UNLIMITED).expect("a position"), Seq::START);
    assert_eq!(journal.prune(at(0)).expect("nothing to prune"), 0);
}

/// 1, 2, 3, … in the order of the calls, and inside a group in the group's.
pub fn seqs_follow_the_calls_and_the_groups(factory: &impl Factory) {
    let journal = factory.create();
    let mut number = 0;
    for size in [1, 3, 1, 40] {
        let group: Vec<_> = (0..size).map(|n| event("_lk.core.ping", number + n).entry()).collect();
        let journaled = journal_all(&*journal, &group);
        for (entry, event) in group.iter().zip(&journaled) {
            number += 1;
            assert_eq!(event.seq(), Seq(number));
            assert_eq!(event.digest(), entry.event.digest());
            assert_eq!(event.id(), entry.event.id());
        }
    }
    assert_eq!(bounds(&*journal), (1, number));
    let stored = read_to_the_end(&*journal, query(0, &[]));
    assert_eq!(seqs(&stored), (1..=number).collect::<Vec<_>>());
}

/// Neither a restart nor retention makes a journal count anew.
pub fn a_seq_is_never_given_twice(factory: &impl Factory) {
    let mut journal = factory.create();
    for number in 1..=4 {
        let Appended::Journaled(event) =
            append_one(&*journal, &event("_lk.core.ping", number).entry())
        else {
            panic!("event {number} is new");
        };
        assert_eq!(event.seq(), Seq(number));
        journal.prune(at(1)).expect("everything can be pruned");
        journal = factory.reopen(journal);
        assert_eq!(bounds(&*journal), (number + 1, number));
    }
}

/// Over a restart, and no other journal has it.
pub fn the_id_stays_the_same(factory: &impl Factory) {
    let journal = factory.create();
    let id = journal.id();
    assert_ne!(id, factory.create().id());
    let journal = factory.reopen(journal);
    assert_eq!(journal.id(), id);
}
