//! What prune removes, and what it must not.

use laniakea_event::{Prefix, Seq};

use super::{
    Factory, append_one, bounds,
    fixture::{Source, at, event, signer},
    journal_all, query, read, read_to_the_end, seqs,
    time::append_received,
};
use crate::{Appended, Budget, Journal, Query};

fn prune(journal: &dyn Journal, before: i64) -> u64 {
    journal.prune(at(before)).expect("pruning")
}

fn left(journal: &dyn Journal) -> Vec<u64> {
    seqs(&read_to_the_end(journal, query(0, &[])))
}

/// The event received at that very moment stays.
pub fn events_received_before_are_removed_from_the_front(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 20, 30]);
    assert_eq!(prune(&*journal, 10), 0);
    assert_eq!(bounds(&*journal), (1, 3));
    assert_eq!(prune(&*journal, 20), 1);
    assert_eq!(bounds(&*journal), (2, 3));
    assert_eq!(left(&*journal), [2, 3]);
    assert_eq!(prune(&*journal, 20), 0);
    let journal = factory.reopen(journal);
    assert_eq!(bounds(&*journal), (2, 3));
    assert_eq!(left(&*journal), [2, 3]);
}

/// A hole would look like a loss.
pub fn an_event_behind_a_later_one_stays_until_that_goes(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 50, 20, 60]);
    assert_eq!(prune(&*journal, 30), 1);
    assert_eq!(left(&*journal), [2, 3, 4]);
    assert_eq!(prune(&*journal, 51), 2);
    assert_eq!(left(&*journal), [4]);
}

/// `first` is then `last + 1`.
pub fn the_last_event_is_remembered_when_all_are_gone(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 20]);
    assert_eq!(prune(&*journal, 100), 2);
    let journal = factory.reopen(journal);
    assert_eq!(bounds(&*journal), (3, 2));
    let page = read(&*journal, &query(0, &[]));
    assert_eq!((page.events.len(), page.next), (0, Seq(2)));
    assert_eq!((page.first, page.last), (Seq(3), Seq(2)));
    append_received(&*journal, &[30]);
    assert_eq!(bounds(&*journal), (3, 3));
    assert_eq!(left(&*journal), [3]);
}

/// Sent again, a removed event is the duplicate that it always was.
pub fn digests_and_uuids_outlive_their_events(factory: &impl Factory) {
    let journal = factory.create();
    let first = event("_lk.core.ping", 1).uuid(7).entry();
    journal_all(&*journal, std::slice::from_ref(&first));
    assert_eq!(prune(&*journal, 100), 1);
    let remembers = |journal: &dyn Journal| {
        assert_eq!(journal.find(&first.event.digest()).expect("it can be read"), None);
        let again = append_one(journal, &first);
        assert!(matches!(again, Appended::Duplicate { seq: Seq(1) }), "{again:?}");
        let other = append_one(journal, &event("_lk.core.ping", 2).uuid(7).entry());
        let Appended::Conflict { signer: named } = other else {
            panic!("the uuid was forgotten: {other:?}");
        };
        assert_eq!(named, signer(Source::Archive));
    };
    remembers(&*journal);
    remembers(&*factory.reopen(journal));
}

/// `first` tells a reader from before that it lost something.
pub fn reading_goes_on_with_the_first_event_that_is_left(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 20, 30, 40]);
    prune(&*journal, 30);
    for (after, expected) in [(0, &[3, 4][..]), (1, &[3, 4]), (2, &[3, 4]), (3, &[4]), (4, &[])] {
        for prefixes in [vec![], vec![Prefix::parse("_lk.core.ping").expect("a prefix")]] {
            let page = read(&*journal, &Query { prefixes, ..query(after, &[]) });
            assert_eq!(seqs(&page.events), expected);
            assert_eq!((page.first, page.next, page.last), (Seq(3), Seq(4), Seq(4)));
        }
    }
}

/// Events that are gone count no more, however late they were received.
pub fn times_are_found_among_what_is_left(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 20, 30]);
    prune(&*journal, 25);
    let position =
        |seconds| journal.position_at(at(seconds), Budget::UNLIMITED).expect("a position");
    assert_eq!(position(0), Seq(2));
    assert_eq!(position(25), Seq(2));
    assert_eq!(position(31), Seq(3));
    prune(&*journal, 100);
    assert_eq!(position(0), Seq(3));
    append_received(&*journal, &[5, 8]);
    assert_eq!(position(0), Seq(3));
    assert_eq!(position(6), Seq(4));
    assert_eq!(position(9), Seq(5));
    assert_eq!(prune(&*journal, 6), 1);
    assert_eq!(bounds(&*journal), (5, 5));
}

/// A store that removes in steps takes all of them.
pub fn many_events_are_removed_in_one_call(factory: &impl Factory) {
    let journal = factory.create();
    for hundred in 0..30 {
        append_received(&*journal, &[hundred; 100]);
    }
    assert_eq!(prune(&*journal, 25), 2500);
    assert_eq!(bounds(&*journal), (2501, 3000));
    assert_eq!(left(&*journal), (2501..=3000).collect::<Vec<_>>());
}
