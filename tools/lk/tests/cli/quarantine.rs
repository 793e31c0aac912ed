//! `lk on --retries --quarantine` and `lk quarantine`.

use std::{fs, process::Command};

use laniakea_e2e::{Process, Signal, until};

use crate::{
    program::{Run, command, lk},
    relay::Relay,
};

/// A relay with a few pings, and somebody who began before them.
struct Scene {
    relay: Relay,
    cursor: String,
    seen: String,
    held: String,
}

impl Scene {
    fn new(pings: u64) -> Self {
        let relay = Relay::new();
        let file = |name| relay.file(name);
        let (cursor, seen, held) = (file("cursor"), file("seen"), file("held"));
        let scene = Self { relay, cursor, seen, held };
        let process = Process::start(&mut scene.on(&[], "true"));
        process.line("up to date");
        assert!(process.stop(Signal::TERM).success());
        scene.relay.ping(1, pings);
        scene
    }

    /// Runs this script for each event, which has the file `seen` as `$0`.
    fn on(&self, more: &[&str], script: &str) -> Command {
        let first = [&self.relay.stream("on")[..], &["--cursor", &self.cursor, "_lk."]].concat();
        let last = ["--", "/bin/sh", "-c", script, &self.seen];
        let mut command = command(&[&first[..], more, &last].concat());
        command.env("PATH", "/usr/bin:/bin");
        command
    }

    fn start(&self, more: &[&str], script: &str) -> Process {
        Process::start(&mut self.on(more, script))
    }

    fn seen(&self) -> String {
        fs::read_to_string(&self.seen).unwrap_or_default()
    }

    fn wait_for_cursor(&self, seq: u64) {
        let end = format!(":{seq}\n");
        let stored = || fs::read_to_string(&self.cursor).is_ok_and(|text| text.ends_with(&end));
        until("the cursor", || stored().then_some(()));
    }

    fn held(&self, command: &str, more: &[&str]) -> Run {
        lk(&[&["quarantine", command, &self.held], more].concat())
    }
}

/// Notes the event, and fails at those with this number.
fn failing(seq: &str) -> String {
    format!("echo $LK_EVENT_SEQ >> $0; case $LK_EVENT_SEQ in {seq}) exit 7;; esac")
}

#[test]
fn a_command_that_fails_twice_and_then_succeeds_has_handled_the_event() {
    let scene = Scene::new(2);
    let script = "echo $LK_EVENT_SEQ >> $0; [ $(wc -l < $0) -ge 3 ]";
    let process = scene.start(&["--retries", "2", "--quarantine", &scene.held], script);
    scene.wait_for_cursor(2);
    process.line("trying again in 1s");
    process.line("trying again in 2s");
    assert!(process.stop(Signal::TERM).success());
    assert_eq!(scene.seen(), "1\n1\n1\n2\n");
    assert_eq!(scene.held("list", &[]).stderr, "note: no event is in quarantine\n");
}

#[test]
fn an_event_that_always_fails_is_set_aside_and_the_stream_goes_on() {
    let scene = Scene::new(3);
    let script = format!("echo 'no \u{9b}2J way' >&2; {}", failing("2"));
    let more = ["--retries", "1", "--quarantine", &scene.held];
    let process = scene.start(&more, &script);
    scene.wait_for_cursor(3);
    process.line("exit status: 7: set aside in quarantine");
    assert!(process.stop(Signal::TERM).success());
    assert_eq!(scene.seen(), "1\n2\n2\n3\n");
    let list = scene.held("list", &[]);
    assert!(list.stdout.starts_with("in quarantine (1)\n  1  "), "{list}");
    assert!(list.stdout.contains("2 tries  exit status: 7: no \\u{9b}2J way\n"), "{list}");
    let list = scene.held("list", &["--json"]);
    assert!(list.stdout.contains("\"attempts\": 2"), "{list}");
    assert!(list.stdout.contains("00000000-0000-0000-0000-000000000001:2"), "{list}");
}

#[test]
fn without_a_quarantine_it_stops_after_the_last_retry() {
    let scene = Scene::new(2);
    let mut process = scene.start(&["--retries", "1"], &failing("1"));
    assert_eq!(process.wait().code(), Some(1));
    process.line("hint: the cursor was not moved");
    assert_eq!(scene.seen(), "1\n1\n");
    scene.wait_for_cursor(0);
}

#[test]
fn a_pause_ends_at_once_when_the_user_stops() {
    let scene = Scene::new(1);
    let more = ["--retries", "1", "--retry-pause", "2h", "--quarantine", &scene.held];
    let mut process = scene.start(&more, &failing("1"));
    process.line("trying again in 7200s");
    process.signal(Signal::TERM);
    assert!(process.wait().success(), "{:?}", process.output());
    process.line("stopped before event 1 ");
    scene.wait_for_cursor(0);
    assert_eq!(scene.held("list", &[]).stdout, "");
}

#[test]
fn a_crash_before_the_cursor_is_stored_sets_nothing_aside_twice() {
    let scene = Scene::new(2);
    let before = fs::read_to_string(&scene.cursor).unwrap();
    let more = ["--retries", "0", "--quarantine", &scene.held];
    let process = scene.start(&more, &failing("1"));
    process.line("set aside in quarantine");
    process.stop(Signal::KILL);
    // Whether or not it was stored: this is what a crash between the two leaves.
    fs::write(&scene.cursor, &before).unwrap();
    fs::write(&scene.seen, "").unwrap();
    let process = scene.start(&more, &failing("1"));
    scene.wait_for_cursor(2);
    process.line("is in quarantine");
    assert!(process.stop(Signal::TERM).success());
    assert_eq!(scene.seen(), "2\n");
    // The one that was dropped meanwhile is handled anew.
    assert_eq!(scene.held("drop", &["1"]).stdout, "dropped  1 event\n");
    fs::write(&scene.cursor, &before).unwrap();
    let process = scene.start(&more, &failing("1"));
    scene.wait_for_cursor(2);
    assert!(process.stop(Signal::TERM).success());
    assert!(scene.held("list", &[]).stdout.starts_with("in quarantine (1)\n"));
}

#[test]
fn a_full_quarantine_stops_before_the_event() {
    let scene = Scene::new(3);
    let more = ["--retries", "0", "--quarantine", &scene.held, "--quarantine-max", "1"];
    let mut process = scene.start(&more, &failing("*"));
    assert_eq!(process.wait().code(), Some(1));
    let error = process.line("error: could not set aside event 2 ");
    assert!(error.contains(" is full: it holds 1 events of "), "{error}");
    process.line("hint: look at them with `lk quarantine list ");
    scene.wait_for_cursor(1);
    assert_eq!(scene.seen(), "1\n2\n");
}

#[test]
fn a_command_that_leaves_something_running_is_not_waited_for() {
    let scene = Scene::new(1);
    let script = "sleep 1000 & echo $! >> $0; exit 7";
    let more = ["--retries", "0", "--quarantine", &scene.held];
    let process = scene.start(&more, script);
    scene.wait_for_cursor(1);
    assert!(process.stop(Signal::TERM).success());
    let sleeper: i32 = scene.seen().trim().parse().unwrap();
    let sleeper = rustix::process::Pid::from_raw(sleeper).unwrap();
    rustix::process::kill_process(sleeper, Signal::KILL).unwrap();
}

/// Three events in quarantine, the first of which is hostile.
fn filled() -> Scene {
    let scene = Scene::new(0);
    scene.relay.emit("_lk.core.ping", r#"{"message":"\u009b2J \u202e \u001b[2J"}"#);
    scene.relay.ping(2, 2);
    let process = scene.start(&["--retries", "0", "--quarantine", &scene.held], &failing("*"));
    scene.wait_for_cursor(3);
    assert!(process.stop(Signal::TERM).success());
    fs::write(&scene.seen, "").unwrap();
    scene
}

#[test]
fn retry_runs_the_command_again_and_removes_what_succeeded() {
    let scene = filled();
    let retry = |names: &[&str], script: &str| {
        let command = ["--", "/bin/sh", "-c", script, &scene.seen];
        scene.held("retry", &[names, &command].concat())
    };
    let run = retry(&[], &failing("2"));
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(run.stdout, "handled  2\nfailed   1\nleft     1\n");
    assert!(run.stderr.contains("/bin/sh failed for event 2 (_lk.core.ping, "), "{run}");
    assert_eq!(scene.seen(), "1\n2\n3\n");
    assert!(scene.held("list", &[]).stdout.contains("  2 tries  "));
    let run = retry(&["1"], "true");
    assert_eq!(run.code, Some(1), "{run}");
    let frame = "cat > $0";
    let run = retry(&["2"], frame);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "handled  1\nfailed   0\nleft     0\n"));
    assert!(scene.seen().contains(r#""message":"2""#) && scene.seen().ends_with("}\n"));
}

#[test]
fn hostile_events_are_shown_harmlessly() {
    let scene = filled();
    let show = scene.held("show", &["1"]);
    assert_eq!(show.code, Some(0), "{show}");
    assert!(show.stdout.contains(r"\u{9b}2J \u{202e} \u001b[2J"), "{show}");
    assert!(show.stdout.contains("error     exit status: 7\n"), "{show}");
    assert!(!show.stdout.chars().any(|c| c.is_control() && c != '\n'), "{show}");
    let json = scene.held("show", &["1", "--json"]).stdout;
    assert!(json.contains("\"event\": {\"data\":{\"message\":\"\u{9b}2J "), "{json}");
}

#[test]
fn only_what_is_named_is_dropped_and_damage_is_told() {
    let scene = filled();
    for (arguments, code) in [(&[][..], 2), (&["9"], 1), (&["1", "9"], 1)] {
        assert_eq!(scene.held("drop", arguments).code, Some(code), "{arguments:?}");
    }
    let file = |number| {
        let entries = fs::read_dir(&scene.held).unwrap().map(|entry| entry.unwrap().path());
        let start = format!("{number:020}-");
        let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_owned();
        entries.into_iter().find(|path| name(path).to_str().unwrap().starts_with(&start)).unwrap()
    };
    fs::write(file(2), "{").unwrap();
    fs::write(scene.relay.file("held/README"), "").unwrap();
    let list = scene.held("list", &[]);
    assert!(
        list.stdout.contains("in quarantine (2)") && list.stdout.contains("damaged (1)\n  2  ")
    );
    assert!(list.stderr.contains("README does not belong here"), "{list}");
    assert_eq!(scene.held("show", &["2"]).code, Some(1));
    let run = scene.held("retry", &["2", "--", "true"]);
    assert!(run.code == Some(1) && run.stderr.contains("is damaged"), "{run}");
    assert_eq!(scene.held("drop", &["2", "1"]).stdout, "dropped  2 events\n");
    assert_eq!(scene.held("drop", &["--all"]).stdout, "dropped  1 event\n");
    assert_eq!(scene.held("list", &[]).stdout, "");
    assert_eq!(lk(&["quarantine", "list", "/nonexistent"]).code, Some(2));
}
