//! `lk listen`.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
};

use laniakea_e2e::{Process, Signal, until};

use crate::{
    program::{command, trusted_keys},
    relay::Relay,
};

fn listen(relay: &Relay, more: &[&str]) -> Command {
    command(&[&relay.stream("listen")[..], more].concat())
}

/// Starts to listen, and waits until nothing of the past is missing.
fn start(relay: &Relay, more: &[&str]) -> Process {
    let process = Process::start(&mut listen(relay, more));
    process.line("up to date");
    process
}

#[test]
fn past_events_come_first_and_live_ones_after_them() {
    let relay = Relay::new();
    relay.ping(1, 3);
    let mut process = start(&relay, &["--after", "1", "--count", "4"]);
    relay.ping(4, 5);
    assert!(process.wait().success());
    process.line("here: 5");
    let output = process.output();
    let numbers: Vec<&str> = output
        .iter()
        .filter_map(|line| line.rsplit_once("here: "))
        .map(|(_, number)| number)
        .collect();
    assert_eq!(numbers, ["2", "3", "4", "5"]);
}

#[test]
fn without_a_beginning_only_new_events_are_shown() {
    let relay = Relay::new();
    relay.ping(1, 3);
    let mut process = start(&relay, &["--count", "1"]);
    relay.ping(4, 1);
    assert!(process.wait().success());
    process.line("here: 4");
    assert!(!process.output().join("\n").contains("here: 3"), "{:?}", process.output());
}

#[test]
fn only_what_is_asked_for_is_shown_and_counted() {
    let relay = Relay::new();
    for number in 1..=5 {
        relay.ping(number, 1);
        relay.emit("_lk.core.ping-pong", "{}");
    }
    let arguments = ["_lk.core.ping", "--after", "0", "--where", "data.message in ['2', '4']"];
    let run = relay.follow("listen", &[&arguments[..], &["--count", "2"]].concat());
    assert_eq!(run.lines().len(), 2, "{run}");
    assert!(run.lines()[0].ends_with("here: 2") && run.lines()[1].ends_with("here: 4"));
    let run = relay.follow("listen", &["_lk.core.", "--since", "1h", "--count", "10"]);
    assert_eq!(run.lines().len(), 10, "{run}");
}

#[test]
fn json_is_one_event_a_line_as_the_relay_sent_it() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let run = relay.follow("listen", &["--after", "0", "--count", "1", "--json"]);
    assert_eq!(run.stdout, format!("{}\n", relay.last_frame()));
}

#[test]
fn forged_events_are_refused_and_not_shown() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let process = start(&relay, &["--after", "0", "--keys", &trusted_keys()]);
    let forged = relay.last_frame().replace("\"message\":\"1\"", "\"message\":\"2\"");
    relay.publish("_lk.core.ping", forged.into_bytes());
    process.line("was refused: bad_signature");
    relay.publish("_lk.core.ping", b"\x1b[2J5".to_vec());
    process.line("was refused: bad_json");
    relay.publish("_lk.core.pong", relay.last_frame().into_bytes());
    process.line("published under another id");
    relay.ping(3, 1);
    process.line("here: 3");
    let output = process.output().join("\n");
    assert!(!output.contains("here: 2") && !output.contains('\u{1b}'), "{output}");
}

#[test]
fn a_cursor_goes_on_where_it_was_left() {
    let relay = Relay::new();
    let cursor = relay.file("cursor");
    let process = start(&relay, &["--cursor", &cursor]);
    relay.ping(1, 2);
    process.line("here: 2");
    assert!(process.stop(Signal::TERM).success());
    relay.ping(3, 2);
    let process = start(&relay, &["--cursor", &cursor]);
    process.line("here: 4");
    let output = process.output().join("\n");
    assert!(output.contains("here: 3") && !output.contains("here: 2"), "{output}");
    assert!(process.stop(Signal::INT).success());
    let process = start(&relay, &["--cursor", &cursor]);
    relay.ping(5, 1);
    process.line("here: 5");
    assert!(!process.output().join("\n").contains("here: 4"), "{:?}", process.output());
}

#[test]
fn a_damaged_cursor_is_an_error_and_not_a_new_beginning() {
    let relay = Relay::new();
    let cursor = relay.file("cursor");
    std::fs::write(&cursor, "4711").unwrap();
    let run = relay.follow("listen", &["--cursor", &cursor]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("is damaged; remove it to begin anew"), "{run}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let mut command = listen(&relay, &["--after", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.ends_with("here: 1\n"), "{line}");
    let status = until("the end", || {
        relay.ping(2, 1);
        child.try_wait().unwrap()
    });
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(status.success() && !stderr.contains("error"), "{stderr}");
}

#[test]
fn without_a_replay_endpoint_the_person_is_told() {
    let relay = Relay::new();
    let publish = relay.stream("listen")[2].to_owned();
    let process = Process::start(&mut command(&["listen", "--from", &publish]));
    process.line("gaps cannot be filled");
    until("an event", || {
        relay.ping(1, 1);
        process.output().iter().any(|line| line.ends_with("here: 1")).then_some(())
    });
}

#[test]
fn quiet_means_no_notes() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let run = relay.follow("listen", &["--after", "0", "--count", "1", "--quiet"]);
    assert_eq!(run.stderr, "");
}

#[test]
fn colours_are_for_terminals_only() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let arguments = ["--after", "0", "--count", "1"];
    let run = relay.follow("listen", &arguments);
    assert!(!run.to_string().contains('\u{1b}'), "{run:?}");
}
