//! The checker finds each kind of fault, and no other where there is one.

use super::*;

const SIGNER: &str = "archive-01";

fn digest(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn frame(number: u64) -> Vec<u8> {
    format!("frame {number}").into_bytes()
}

fn delivered(number: u64) -> Delivered {
    Delivered { seq: Seq(number), digest: digest(number), bytes: Digest::of(&frame(number)) }
}

struct Story {
    checker: Checker,
    once: Consumer,
    again: Consumer,
}

/// Five events, all sent, answered, journaled; nobody got any yet.
fn begun() -> Story {
    let mut checker = Checker::default();
    let once = checker.consumer("once", Claim::ExactlyOnce);
    let again = checker.consumer("again", Claim::AtLeastOnce);
    for number in 1..=5 {
        checker.sent(digest(number), SIGNER);
        checker.answered(digest(number), Answer::Accepted(Seq(number)));
        checker.journaled(Seq(number), &frame(number), Ok(digest(number)));
    }
    Story { checker, once, again }
}

/// The same, and all of it delivered.
fn good() -> Story {
    let mut story = begun();
    for number in 1..=5 {
        story.checker.delivered(story.once, delivered(number));
        story.checker.delivered(story.again, delivered(number));
    }
    story
}

/// How many of each kind: lost, duplicated, reordered, altered.
fn counts(checker: &Checker) -> [usize; 4] {
    checker.findings().kinds().map(|(_, cases)| cases.len())
}

#[test]
fn where_all_is_well_nothing_is_found() {
    let mut story = good();
    let findings = story.checker.findings();
    assert_eq!((findings.sent, findings.acknowledged, findings.unacknowledged), (5, 5, 0));
    assert_eq!(counts(&story.checker), [0, 0, 0, 0]);
    // A source that did not hear the answer sends again; another event is refused.
    story.checker.answered(digest(2), Answer::Duplicate(Seq(2)));
    story.checker.sent(digest(9), SIGNER);
    story.checker.answered(digest(9), Answer::Rejected("unavailable".to_owned()));
    let findings = story.checker.findings();
    assert_eq!((findings.rejections, findings.unacknowledged), (1, 1));
    assert_eq!(counts(&story.checker), [0, 0, 0, 0]);
}

#[test]
fn an_acknowledged_event_that_is_not_in_the_journal_is_lost() {
    let mut story = good();
    story.checker.sent(digest(6), SIGNER);
    story.checker.answered(digest(6), Answer::Accepted(Seq(6)));
    // In the journal, and with two consumers.
    assert_eq!(counts(&story.checker), [3, 0, 0, 0]);
}

#[test]
fn an_event_that_a_consumer_did_not_get_is_lost_unless_it_was_told() {
    let mut story = begun();
    for number in [1, 2, 4, 5] {
        story.checker.delivered(story.once, delivered(number));
    }
    for number in 1..=5 {
        story.checker.delivered(story.again, delivered(number));
    }
    assert_eq!(counts(&story.checker), [1, 0, 0, 0]);
    story.checker.told(story.once, Seq(2), Seq(4));
    assert_eq!(counts(&story.checker), [0, 0, 0, 0]);
}

#[test]
fn a_hole_in_the_journal_is_a_loss() {
    let mut story = good();
    story.checker.sent(digest(7), SIGNER);
    story.checker.journaled(Seq(7), &frame(7), Ok(digest(7)));
    story.checker.delivered(story.once, delivered(7));
    story.checker.delivered(story.again, delivered(7));
    assert_eq!(counts(&story.checker), [1, 0, 0, 0]);
}

#[test]
fn an_event_that_is_in_the_journal_twice_is_duplicated() {
    let mut story = good();
    story.checker.journaled(Seq(6), &frame(5), Ok(digest(5)));
    assert_eq!(counts(&story.checker)[1], 1);
}

#[test]
fn a_second_delivery_is_a_duplicate_only_where_exactly_once_is_claimed() {
    let mut story = good();
    for consumer in [story.once, story.again] {
        story.checker.restarted(consumer);
        story.checker.delivered(consumer, delivered(5));
    }
    let findings = story.checker.findings();
    assert_eq!(findings.redelivered, 1);
    assert_eq!(counts(&story.checker), [0, 1, 0, 0]);
}

#[test]
fn going_back_is_reordering_except_after_a_restart() {
    let mut story = begun();
    for number in [1, 2, 3, 5, 4] {
        story.checker.delivered(story.once, delivered(number));
    }
    for number in [1, 2, 3] {
        story.checker.delivered(story.again, delivered(number));
    }
    story.checker.restarted(story.again);
    for number in [2, 3, 4, 5] {
        story.checker.delivered(story.again, delivered(number));
    }
    assert_eq!(counts(&story.checker), [0, 0, 1, 0]);
}

#[test]
fn a_signers_events_that_overtake_each_other_are_reordered_unless_one_was_refused() {
    let mut checker = Checker::default();
    for number in 1..=3 {
        checker.sent(digest(number), SIGNER);
    }
    for (number, seq) in [(1, 1), (3, 2), (2, 3)] {
        checker.answered(digest(number), Answer::Accepted(Seq(seq)));
        checker.journaled(Seq(seq), &frame(number), Ok(digest(number)));
    }
    assert_eq!(counts(&checker), [0, 0, 1, 0]);
    checker.answered(digest(2), Answer::Rejected("unavailable".to_owned()));
    assert_eq!(counts(&checker), [0, 0, 0, 0]);
}

#[test]
fn other_bytes_other_places_and_strangers_events_are_altered() {
    let mut story = good();
    story.checker.restarted(story.again);
    let other = Delivered { bytes: Digest::of(b"other"), ..delivered(5) };
    story.checker.delivered(story.again, other);
    assert_eq!(counts(&story.checker), [0, 0, 0, 1]);
    // Nobody sent this one.
    story.checker.journaled(Seq(6), &frame(6), Ok(digest(6)));
    assert_eq!(counts(&story.checker), [0, 0, 0, 2]);
    // This one's signature does not hold.
    story.checker.journaled(Seq(7), &frame(7), Err("bad_signature".to_owned()));
    assert_eq!(counts(&story.checker), [0, 0, 0, 3]);
    // This one does not stand where its source was told that it does.
    story.checker.sent(digest(8), SIGNER);
    story.checker.answered(digest(8), Answer::Duplicate(Seq(9)));
    story.checker.journaled(Seq(8), &frame(8), Ok(digest(8)));
    let findings = story.checker.findings();
    assert_eq!(findings.altered.len(), 4);
    // And this one came from nowhere.
    story.checker.delivered(story.once, delivered(10));
    assert_eq!(story.checker.findings().altered.len(), 5);
}
