//! Reading from a moment on.

use jiff::{SignedDuration, Timestamp};
use laniakea_event::Seq;

use super::{
    Factory,
    fixture::{at, event},
    journal_all,
};
use crate::{Budget, Journal};

/// Appends events received at these seconds.
pub(super) fn append_received(journal: &dyn Journal, seconds: &[i64]) {
    let start = journal.bounds().expect("bounds").last.0;
    let group = (start..)
        .zip(seconds)
        .map(|(number, &seconds)| event("_lk.core.ping", number).received(at(seconds)).entry());
    journal_all(journal, &group.collect::<Vec<_>>());
}

fn position_at(journal: &dyn Journal, time: Timestamp) -> u64 {
    journal.position_at(time, Budget::UNLIMITED).expect("a position").0
}

/// The event received at that very moment is read; where all came before, nothing is.
pub fn reading_starts_with_the_first_event_received_in_time(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 20, 20, 30]);
    let expected = [(0, 0), (10, 0), (11, 1), (20, 1), (21, 3), (30, 3), (31, 4), (999, 4)];
    for (seconds, after) in expected {
        assert_eq!(position_at(&*journal, at(seconds)), after, "at {seconds}");
    }
    let journal = factory.reopen(journal);
    assert_eq!(position_at(&*journal, at(20)), 1);
    append_received(&*journal, &[40]);
    assert_eq!(position_at(&*journal, at(31)), 4);
    assert_eq!(position_at(&*journal, at(41)), 5);
}

/// Whatever the clock did, the smallest seq that was received at or after the time is found.
pub fn clocks_that_jump_back_hide_no_event(factory: &impl Factory) {
    let mut journal = factory.create();
    let seconds = [50, 10, 60, 60, 20, 55, 70, 5, 5, 65, 90, 0];
    for group in seconds.chunks(5) {
        append_received(&*journal, group);
        journal = factory.reopen(journal);
    }
    for time in -1..=91 {
        let expected = seconds.iter().position(|&second| second >= time).unwrap_or(seconds.len());
        assert_eq!(position_at(&*journal, at(time)), expected as u64, "at {time}");
    }
}

/// It is never beyond the event that is meant, so that reading from there misses nothing.
pub fn a_budget_makes_the_position_an_earlier_one(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 20, 20, 30, 15, 40, 50, 60]);
    for rows in 0..20 {
        for seconds in 0..=61 {
            let exact = position_at(&*journal, at(seconds));
            let found = journal.position_at(at(seconds), Budget::of_rows(rows));
            let found = found.expect("a position").0;
            assert!(found <= exact, "{found} is beyond {exact}");
        }
    }
}

/// An event received in the same microsecond, but before, is not meant.
pub fn a_time_between_microseconds_is_rounded_up(factory: &impl Factory) {
    let journal = factory.create();
    append_received(&*journal, &[10, 20]);
    let nanoseconds = |count| at(10) + SignedDuration::from_nanos(count);
    assert_eq!(
        journal.position_at(nanoseconds(-1), Budget::UNLIMITED).expect("a position"),
        Seq(0)
    );
    assert_eq!(journal.position_at(nanoseconds(0), Budget::UNLIMITED).expect("a position"), Seq(0));
    assert_eq!(journal.position_at(nanoseconds(1), Budget::UNLIMITED).expect("a position"), Seq(1));
    assert_eq!(journal.prune(nanoseconds(0)).expect("pruning"), 0);
    assert_eq!(journal.prune(nanoseconds(1)).expect("pruning"), 1);
}
