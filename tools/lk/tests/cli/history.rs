//! `lk history`.

use crate::{
    program::{Run, trusted_keys},
    relay::Relay,
};

/// The messages of the pings that were printed.
fn messages(run: &Run) -> Vec<u64> {
    assert_eq!(run.code, Some(0), "{run}");
    let message = |line: &&str| line.rsplit_once(": ").unwrap().1.parse().unwrap();
    run.lines().iter().map(message).collect()
}

#[test]
fn the_newest_are_shown_oldest_first() {
    let relay = Relay::new();
    relay.ping(1, 70);
    assert_eq!(messages(&relay.ask("history", &[])), (21..=70).collect::<Vec<_>>());
    assert_eq!(messages(&relay.ask("history", &["--limit", "2"])), [69, 70]);
    assert_eq!(messages(&relay.ask("history", &["--limit", "1000"])), (1..=70).collect::<Vec<_>>());
    assert_eq!(messages(&relay.ask("history", &["--since", "1h"])), (1..=70).collect::<Vec<_>>());
    assert_eq!(messages(&relay.ask("history", &["--since", "1h", "--limit", "1"])), [70]);
    assert_eq!(messages(&relay.ask("history", &["--until", "1h"])), [0_u64; 0]);
    assert_eq!(messages(&relay.ask("history", &["--since", "2099-01-01T00:00:00Z"])), [0_u64; 0]);
    assert_eq!(messages(&Relay::new().ask("history", &[])), [0_u64; 0]);
}

#[test]
fn what_was_taken_between_two_times_is_shown() {
    let relay = Relay::new();
    relay.ping(1, 3);
    let frame = relay.last_frame();
    let (_, received) = frame.split_once(r#""received":""#).unwrap();
    let (third, _) = received.split_once('"').unwrap();
    relay.ping(4, 2);
    assert_eq!(messages(&relay.ask("history", &["--since", third])), [3, 4, 5]);
    assert_eq!(messages(&relay.ask("history", &["--until", third])), [1, 2]);
    assert_eq!(messages(&relay.ask("history", &["--since", "1h", "--until", third])), [1, 2]);
}

#[test]
fn a_rare_event_is_found_behind_many_others() {
    let relay = Relay::new();
    relay.emit("_lk.jobs.job-finished", r#"{"job_id":"1"}"#);
    relay.ping(1, 3_000);
    relay.emit("_lk.jobs.job-finished", r#"{"job_id":"2"}"#);
    relay.ping(3_001, 500);
    let run = relay.ask("history", &["_lk.jobs.", "--limit", "2", "--json"]);
    let lines = run.lines();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains(r#""job_id":"1""#) && lines[1].contains(r#""job_id":"2""#));
    let run = relay.ask("history", &["--where", "data.message == '7'", "--limit", "1"]);
    assert_eq!(messages(&run), [7]);
    let run = relay.ask("history", &["--where", "data.message == '7'", "--since", "1h"]);
    assert_eq!(messages(&run), [7]);
    assert_eq!(messages(&relay.ask("history", &["--since", "1h", "_lk.core."])).len(), 3_500);
    // A whole id is no prefix of longer ones.
    assert_eq!(relay.ask("history", &["_lk.jobs.job-finish"]).stdout, "");
}

#[test]
fn json_is_what_the_relay_sent() {
    let relay = Relay::new();
    relay.ping(1, 2);
    let run = relay.ask("history", &["--json", "--limit", "1"]);
    assert_eq!(run.stdout, format!("{}\n", relay.last_frame()));
}

#[test]
fn only_with_keys_is_an_event_said_to_be_anybodys() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let line = |more: &[&str]| relay.ask("history", more).stdout;
    assert!(line(&[]).contains("  unverified  ping from here: 1"));
    assert!(line(&["--keys", &trusted_keys()]).contains("  archive-01  ping from here: 1"));
}

#[test]
fn events_of_strangers_are_left_out_and_said_to_be() {
    let relay = Relay::new();
    relay.ping(1, 9);
    let keys = relay.file("keys");
    std::fs::create_dir(&keys).unwrap();
    let stranger = crate::program::vector_keys().join("not_trusted/stranger-01.pub.key");
    std::fs::copy(stranger, format!("{keys}/stranger-01.pub.key")).unwrap();
    let run = relay.ask("history", &["--keys", &keys]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert_eq!(run.stderr.matches("was refused: unknown_signer").count(), 5, "{run}");
    assert!(run.stderr.ends_with("warning: 4 more events were refused\n"), "{run}");
}
