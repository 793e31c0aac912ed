//! Each trial at a hundredth of its size: what `make soak` runs whole.

use laniakea_soak::{Scale, abusive, attacks, clock, idle, malformed, mutated, poisoned, replayed};

/// The same attack in every run.
fn reduced() -> Scale {
    Scale::new(10_000, 4)
}

#[test]
fn mutated_submissions_are_answered_and_never_taken() {
    mutated::run(&reduced()).assert_passed();
}

#[test]
fn malformed_streams_do_no_harm() {
    malformed::run(&reduced()).assert_passed();
}

#[test]
fn replayed_events_are_duplicates_in_any_spelling() {
    replayed::run(&reduced()).assert_passed();
}

#[test]
fn jumps_of_the_clock_let_nothing_in_and_lose_nothing() {
    clock::run(&reduced()).assert_passed();
}

#[test]
fn nobody_blocks_anothers_event() {
    poisoned::run(&reduced()).assert_passed();
}

#[test]
fn an_abusive_connection_does_not_slow_a_good_one() {
    abusive::run(&reduced()).assert_passed();
}

#[test]
fn attacks_keep_nobody_waiting_and_leave_nothing_behind() {
    attacks::run(&reduced()).assert_passed();
}

#[test]
fn idle_connections_cost_little() {
    idle::run(&reduced()).assert_passed();
}
