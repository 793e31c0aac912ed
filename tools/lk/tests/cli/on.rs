//! `lk on`.

use std::fs;

use laniakea_e2e::{Process, Signal, until};
use uuid::Uuid;

use crate::{
    program::{command, lk, trusted_keys},
    relay::Relay,
};

/// Arguments of a run that keeps its cursor in `cursor`.
fn arguments<'a>(relay: &'a Relay, cursor: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&relay.stream("on")[..], &["--cursor", cursor], more].concat()
}

/// Makes the cursor, so that what comes from here on is handled.
fn begin(relay: &Relay, cursor: &str) {
    let arguments = arguments(relay, cursor, &["_lk.", "--", "true"]);
    let process = Process::start(&mut command(&arguments));
    process.line("up to date");
    assert!(process.stop(Signal::TERM).success());
    assert!(fs::metadata(cursor).is_ok());
}

#[test]
fn the_command_gets_the_event_and_no_shell_is_involved() {
    let relay = Relay::new();
    let (cursor, seen) = (relay.file("cursor"), relay.file("seen"));
    begin(&relay, &cursor);
    relay.emit("_lk.core.ping", r#"{"node":"$(touch /tmp/x); `id`","message":"'\"\\"}"#);
    // The one shell here is the command itself.
    let script = "{ echo $LK_EVENT_ID $LK_EVENT_DIGEST $LK_EVENT_SEQ \"$1\"; cat; } > $0.new && mv $0.new $0";
    let keys = trusted_keys();
    let more = ["_lk.core.", "--keys", &keys, "--", "/bin/sh", "-c", script, &seen, "$(id) *"];
    let process = Process::start(&mut command(&arguments(&relay, &cursor, &more)));
    let text = until("the command", || fs::read_to_string(&seen).ok());
    let (environment, event) = text.split_once('\n').unwrap();
    assert_eq!(event, format!("{}\n", relay.last_frame()));
    let words: Vec<&str> = environment.split(' ').collect();
    assert_eq!((words[0], words[1].len(), words[2]), ("_lk.core.ping", 64, "1"));
    assert_eq!(&words[3..], ["$(id)", "*"]);
    assert!(process.stop(Signal::TERM).success());
}

#[test]
fn a_failure_stops_and_the_next_start_runs_that_event_again() {
    let relay = Relay::new();
    let (cursor, seen) = (relay.file("cursor"), relay.file("seen"));
    begin(&relay, &cursor);
    relay.ping(1, 3);
    let fail_at = |seq: &str| {
        let script = format!("echo $LK_EVENT_SEQ >> $0; [ $LK_EVENT_SEQ != {seq} ]");
        lk(&arguments(&relay, &cursor, &["_lk.", "--", "/bin/sh", "-c", &script, &seen]))
    };
    for seq in ["2", "2", "3"] {
        let run = fail_at(seq);
        assert_eq!(run.code, Some(1), "{run}");
        let message = format!("error: /bin/sh failed for event {seq} (_lk.core.ping, ");
        assert!(run.stderr.contains(&message), "{run}");
        assert!(run.stderr.contains("exit status: 1") && run.stderr.contains("hint: "), "{run}");
    }
    assert_eq!(fs::read_to_string(&seen).unwrap(), "1\n2\n2\n2\n3\n");
}

#[test]
fn events_that_are_not_meant_do_not_run_the_command_and_move_the_cursor() {
    let relay = Relay::new();
    let (cursor, seen) = (relay.file("cursor"), relay.file("seen"));
    begin(&relay, &cursor);
    relay.ping(1, 3);
    let more = [
        "_lk.",
        "--where",
        "data.message == '2'",
        "--",
        "/bin/sh",
        "-c",
        "echo $LK_EVENT_SEQ >> $0",
        &seen,
    ];
    let process = Process::start(&mut command(&arguments(&relay, &cursor, &more)));
    process.line("up to date");
    until("the cursor", || fs::read_to_string(&cursor).unwrap().ends_with(":3\n").then_some(()));
    assert_eq!(fs::read_to_string(&seen).unwrap(), "2\n");
}

#[test]
fn a_command_is_let_finish_when_the_user_stops() {
    let relay = Relay::new();
    let (cursor, begun, go) = (relay.file("cursor"), relay.file("begun"), relay.file("go"));
    begin(&relay, &cursor);
    relay.ping(1, 2);
    let script = "echo $LK_EVENT_SEQ >> $0; until [ -e $1 ]; do sleep 0.01; done";
    let more = ["_lk.", "--", "/bin/sh", "-c", script, &begun, &go];
    let process =
        Process::start(command(&arguments(&relay, &cursor, &more)).env("PATH", "/usr/bin:/bin"));
    until("the command", || fs::metadata(&begun).ok());
    process.signal(Signal::TERM);
    fs::write(&go, "").unwrap();
    let mut process = process;
    assert!(process.wait().success(), "{:?}", process.output());
    assert_eq!(fs::read_to_string(&begun).unwrap(), "1\n");
    assert!(fs::read_to_string(&cursor).unwrap().ends_with(":1\n"));
}

#[test]
fn a_second_signal_does_not_wait_and_does_not_move_the_cursor() {
    let relay = Relay::new();
    let (cursor, begun) = (relay.file("cursor"), relay.file("begun"));
    begin(&relay, &cursor);
    relay.ping(1, 1);
    let script = "echo > $0; exec sleep 1000";
    let more = ["_lk.", "--", "/bin/sh", "-c", script, &begun];
    let mut process =
        Process::start(command(&arguments(&relay, &cursor, &more)).env("PATH", "/usr/bin:/bin"));
    until("the command", || fs::metadata(&begun).ok());
    let status = until("the end", || {
        process.signal(Signal::INT);
        (!process.is_running()).then(|| process.wait())
    });
    assert_eq!(status.code(), Some(1));
    process.line("stopped while the command ran for event 1");
    assert!(fs::read_to_string(&cursor).unwrap().ends_with(":0\n"));
}

#[test]
fn another_journal_stops_until_it_is_accepted() {
    let first = Relay::new();
    let (cursor, seen) = (first.file("cursor"), first.file("seen"));
    begin(&first, &cursor);
    let stored = fs::read_to_string(&cursor).unwrap();
    let second = Relay::with_journal(Uuid::from_u128(2));
    second.ping(1, 1);
    let run = lk(&arguments(&second, &cursor, &["_lk.", "--", "false"]));
    assert_eq!(run.code, Some(1), "{run}");
    let accept = "--accept-journal 00000000-0000-0000-0000-000000000002";
    assert!(run.stderr.contains(accept), "{run}");
    assert_eq!(fs::read_to_string(&cursor).unwrap(), stored);
    let more = [
        "_lk.",
        "--accept-journal",
        "00000000-0000-0000-0000-000000000002",
        "--",
        "/bin/sh",
        "-c",
        "echo $LK_EVENT_SEQ >> $0",
        &seen,
    ];
    let process = Process::start(&mut command(&arguments(&second, &cursor, &more)));
    until("the command", || fs::read_to_string(&seen).ok().filter(|text| text == "1\n"));
    assert!(process.stop(Signal::TERM).success());
    assert!(
        fs::read_to_string(&cursor).unwrap().starts_with("00000000-0000-0000-0000-000000000002:1")
    );
}

#[test]
fn a_command_that_does_not_exist_is_told_and_moves_no_cursor() {
    let relay = Relay::new();
    let cursor = relay.file("cursor");
    begin(&relay, &cursor);
    relay.ping(1, 1);
    let run = lk(&arguments(&relay, &cursor, &["_lk.", "--", "/nonexistent"]));
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("could not run /nonexistent: No such file"), "{run}");
    assert!(fs::read_to_string(&cursor).unwrap().ends_with(":0\n"));
}

#[test]
fn a_command_that_ignores_its_stdin_is_no_failure() {
    let relay = Relay::new();
    let cursor = relay.file("cursor");
    begin(&relay, &cursor);
    let long = "x".repeat(500_000);
    relay.emit("_lk.core.ping", &format!(r#"{{"message":"{long}"}}"#));
    let more = ["_lk.", "--", "/bin/true"];
    let process = Process::start(&mut command(&arguments(&relay, &cursor, &more)));
    until("the cursor", || fs::read_to_string(&cursor).unwrap().ends_with(":1\n").then_some(()));
    assert!(process.stop(Signal::TERM).success());
}
