//! Threads.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use laniakea_event::Seq;

use super::{
    Factory, bounds,
    fixture::{at, event},
    journal_all, query, read, read_to_the_end, seqs,
};
use crate::{Appended, Budget, Entry, Journal};

const WRITERS: u64 = 4;
const GROUPS: u64 = 12;
const GROUP: u64 = 7;

/// Group `number` of a writer.
fn group(writer: u64, number: u64) -> Vec<Entry> {
    let start = (writer * GROUPS + number) * GROUP;
    (start..start + GROUP).map(|number| event("_lk.core.ping", number).entry()).collect()
}

/// Runs the writers to their end, and `meanwhile` at least once until then.
fn while_writing(journal: &dyn Journal, mut meanwhile: impl FnMut()) {
    thread::scope(|scope| {
        let write = |writer| {
            for number in 0..GROUPS {
                journal_all(journal, &group(writer, number));
            }
        };
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        loop {
            meanwhile();
            if writers.iter().all(thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
    });
}

/// Each group's seqs are one run, and each writer's groups are in its order.
pub fn groups_from_many_threads_take_turns(factory: &impl Factory) {
    let journal = factory.create();
    while_writing(&*journal, || {});
    let total = WRITERS * GROUPS * GROUP;
    assert_eq!(bounds(&*journal), (1, total));
    let seq_of = |entry: &Entry| {
        let again = journal.append(vec![entry.clone()]).expect("it can be asked");
        match again[0] {
            Appended::Duplicate { seq } => seq.0,
            ref other => panic!("an event is gone: {other:?}"),
        }
    };
    for writer in 0..WRITERS {
        let mut before = 0;
        for number in 0..GROUPS {
            let taken: Vec<u64> = group(writer, number).iter().map(seq_of).collect();
            assert_eq!(taken, (taken[0]..taken[0] + GROUP).collect::<Vec<_>>());
            assert!(taken[0] > before);
            before = taken[0];
        }
    }
}

/// Never a part of one, and never a hole.
pub fn a_reader_sees_groups_as_a_whole(factory: &impl Factory) {
    let journal = factory.create();
    while_writing(&*journal, || {
        let (first, last) = bounds(&*journal);
        assert_eq!((first, last % GROUP), (1, 0));
        let page = read(&*journal, &query(0, &[]));
        assert!(page.last.0 >= last);
        assert_eq!(page.last.0 % GROUP, 0);
        assert_eq!(seqs(&page.events), (1..=page.last.0).collect::<Vec<_>>());
        let page = read(&*journal, &query(0, &["_lk.core.ping"]));
        assert_eq!(page.events.len() as u64, page.last.0);
        assert_eq!(page.next, page.last);
    });
}

/// From whatever thread.
pub fn a_read_sees_what_was_appended_before_it(factory: &impl Factory) {
    let journal = factory.create();
    for number in 0..GROUPS {
        let journaled = journal_all(&*journal, &group(0, number));
        let last = journaled.last().expect("a group is not empty");
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(bounds(&*journal).1, last.seq().0);
                let found = journal.find(&last.digest()).expect("it can be read");
                assert_eq!(found.map(|event| event.seq), Some(last.seq()));
                let page = read(&*journal, &query(last.seq().0 - 1, &["_lk."]));
                assert_eq!(seqs(&page.events), [last.seq().0]);
            });
        });
    }
}

/// All at once, and what is left at the end is what should be.
pub fn events_are_appended_and_read_while_others_are_removed(factory: &impl Factory) {
    let journal = factory.create();
    let old: Vec<Entry> = (0..500).map(|number| event("_lk.old.ping", number).entry()).collect();
    journal_all(&*journal, &old);
    let new = |number| event("_lk.core.ping", number).received(at(100)).entry();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let pruner = scope.spawn(|| journal.prune(at(50)).expect("pruning"));
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let found = seqs(&read_to_the_end(&*journal, query(0, &[])));
                let run: Vec<u64> = found
                    .first()
                    .map_or(vec![], |&first| (first..first + found.len() as u64).collect());
                assert_eq!(found, run);
            }
        });
        for number in 0..20 {
            journal_all(&*journal, &[new(number)]);
        }
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(pruner.join().expect("the pruner ends well"), 500);
    });
    assert_eq!(bounds(&*journal), (501, 520));
    assert_eq!(journal.position_at(at(0), Budget::UNLIMITED).expect("a position"), Seq(500));
}
