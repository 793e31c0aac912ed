//! A relay that lies about its journal: what it says is told, moves no cursor, and once it is honest
//! nothing was missed and nothing comes twice.

use std::{
    fs,
    time::{Duration, Instant},
};

use laniakea_e2e::{Process, Signal, until};
use laniakea_event::Seq;
use laniakea_wire::replay::{From, Read, Request};

use crate::{
    program::command,
    relay::{Lie, Relay},
};

/// How often a lying relay is asked within a few seconds: at once, after one second and after two.
const FEW: usize = 8;

/// A position that was never said to be one.
const FAR: Seq = Seq(1 << 63);

/// The last event is far away, and nothing stands before it.
const FAR_AWAY: Lie = |request, header, events| {
    header.last = FAR;
    if let Request::Read(_) = request {
        events.clear();
        (header.count, header.next) = (Some(0), Some(FAR));
    }
};

const BACKWARDS: Lie = |_, _, events| events.reverse();

const BEYOND: Lie = |_, header, _| header.next = header.next.map(|next| Seq(next.0 + 1));

const NO_FURTHER: Lie = |request, header, events| {
    if let Request::Read(Read { from: From::After(after), .. }) = request {
        events.clear();
        (header.count, header.next, header.last) = (Some(0), Some(*after), Seq(after.0 + 9));
    }
};

/// The journal grows by what was read, and nothing of it is meant.
const ENDLESS: Lie = |request, header, events| {
    if let Request::Read(Read { from: From::After(after), .. }) = request {
        events.clear();
        (header.count, header.next) = (Some(0), Some(after.next()));
        header.last = Seq(after.0 + 1_000);
    }
};

/// Starts `lk on`, which notes what it handles, and waits until it has handled the first event.
fn begin(relay: &Relay, prefix: &str) -> Process {
    let (cursor, seen) = (relay.file("cursor"), relay.file("seen"));
    fs::write(&cursor, "00000000-0000-0000-0000-000000000001:0\n").unwrap();
    fs::write(&seen, "").unwrap();
    let script = ["--", "/bin/sh", "-c", "echo $LK_EVENT_SEQ >> $0", &seen];
    let arguments = [&relay.stream("on")[..], &["--cursor", &cursor, prefix], &script].concat();
    let process = Process::start(&mut command(&arguments));
    relay.ping(1, 1);
    until("the first event", || (seen_by(relay) == [1]).then_some(()));
    until("the cursor", || (stored_by(relay) == 1).then_some(()));
    process
}

fn seen_by(relay: &Relay) -> Vec<u64> {
    let text = fs::read_to_string(relay.file("seen")).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn stored_by(relay: &Relay) -> u64 {
    let text = fs::read_to_string(relay.file("cursor")).unwrap();
    text.trim_end().rsplit(':').next().unwrap().parse().unwrap()
}

/// Events that are in the journal and were never published, with one that shows it behind them.
fn emit_in_silence(relay: &Relay) {
    relay.in_silence(|| relay.ping(2, 4));
    relay.ping(6, 1);
}

/// What does not fit together is told once, and read again after growing pauses.
fn is_told_once(lie: Lie, said: &str) {
    let relay = Relay::new();
    let process = begin(&relay, "_lk.");
    relay.lie(Some(lie));
    let asked = relay.asked();
    emit_in_silence(&relay);
    process.line(&format!("{} contradicts itself", relay.replay_endpoint()));
    let began = Instant::now();
    // An attempt takes up to three requests; two pauses are over by then.
    until("two pauses", || (began.elapsed() > Duration::from_secs(3)).then_some(()));
    assert!(relay.asked() >= asked + 2, "it is not asked again");
    assert!(relay.asked() <= asked + FEW, "{} requests", relay.asked() - asked);
    assert_eq!((seen_by(&relay), stored_by(&relay)), (vec![1], 1));
    relay.lie(None);
    until("all events", || (seen_by(&relay).len() >= 6).then_some(()));
    until("the cursor", || (stored_by(&relay) == 6).then_some(()));
    assert_eq!(seen_by(&relay), [1, 2, 3, 4, 5, 6]);
    let lines = process.output();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("contradicts itself")).collect();
    assert!(told.len() == 1 && told[0].contains(said), "{told:?}");
    assert!(process.stop(Signal::TERM).success());
}

#[test]
fn a_page_in_another_order_is_not_handled() {
    is_told_once(BACKWARDS, "event 5 comes after 6");
}

#[test]
fn a_page_that_reads_beyond_the_journal_moves_no_cursor() {
    is_told_once(BEYOND, "it read up to 7 in a journal that ends with event 6");
}

#[test]
fn a_page_that_gets_no_further_is_asked_for_ever_more_seldom() {
    is_told_once(
        NO_FURTHER,
        "reading from 1 gets no further, in a journal that ends with event 10",
    );
}

#[test]
fn an_end_far_away_moves_no_cursor() {
    is_told_once(FAR_AWAY, "that has 0");
}

#[test]
fn endless_pages_do_not_keep_a_consumer_busy() {
    let relay = Relay::new();
    let process = begin(&relay, "_lk.core.");
    relay.lie(Some(ENDLESS));
    let (asked, began) = (relay.asked(), Instant::now());
    emit_in_silence(&relay);
    let (enough, most) = (Duration::from_secs(3), 100);
    until("some seconds", || (began.elapsed() > enough).then_some(()));
    let count = relay.asked() - asked;
    assert!(count < most, "{count} requests in {enough:?}");
    assert_eq!((seen_by(&relay), stored_by(&relay)), (vec![1], 1));
    assert!(process.stop(Signal::TERM).success());
}

#[test]
fn who_begins_with_the_next_event_does_not_begin_where_there_is_none() {
    let relay = Relay::new();
    relay.ping(1, 3);
    relay.lie(Some(FAR_AWAY));
    let cursor = relay.file("cursor");
    let arguments = [&relay.stream("listen")[..], &["--cursor", &cursor, "--json"]].concat();
    let process = Process::start(&mut command(&arguments));
    process.line("contradicts itself");
    assert!(fs::metadata(&cursor).is_err(), "nothing was handled");
    relay.lie(None);
    process.line("up to date at event 3");
    until("the cursor", || fs::metadata(&cursor).ok());
    relay.ping(4, 1);
    process.line("\"message\":\"4\"");
    until("the cursor", || (stored_by(&relay) == 4).then_some(()));
    assert!(process.stop(Signal::TERM).success());
}

#[test]
fn history_of_a_relay_that_contradicts_itself_is_an_error() {
    let relay = Relay::new();
    relay.ping(1, 5);
    for (lie, said) in [
        (BACKWARDS, "event 4 comes after 5"),
        (BEYOND, "it read up to 6 in a journal that ends with event 5"),
        (FAR_AWAY, "a page of all 50 events"),
    ] as [(Lie, &str); 3]
    {
        relay.lie(Some(lie));
        let run = relay.ask("history", &[]);
        assert_eq!((run.code, &*run.stdout), (Some(1), ""), "{run}");
        let told = format!("error: {} contradicts itself: ", relay.replay_endpoint());
        assert!(run.stderr.contains(&told) && run.stderr.contains(said), "{run}");
    }
}
