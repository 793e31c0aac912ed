//! Each trial at a small part of its size: what `make soak` runs whole.

use laniakea_faults::{Scale, cut, damaged, failing_disk, full_disk, killed, stuck};

/// The same faults in every run.
fn reduced() -> Scale {
    Scale::new(30, 4)
}

#[test]
fn killing_all_of_them_at_random_loses_nothing() {
    killed::run(&reduced()).assert_passed();
}

#[test]
fn a_relay_whose_disk_fails_ends_and_acknowledges_nothing_that_is_not_there() {
    failing_disk::run(&reduced()).assert_passed();
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    full_disk::run(&reduced()).assert_passed();
}

#[test]
fn a_damaged_journal_is_refused_or_serves_what_is_left_of_it() {
    damaged::run(&reduced()).assert_passed();
}

#[test]
fn a_subscriber_that_stops_reading_harms_nobody() {
    stuck::run(&reduced()).assert_passed();
}

#[test]
fn a_network_that_is_cut_loses_nothing() {
    cut::run(&reduced()).assert_passed();
}
