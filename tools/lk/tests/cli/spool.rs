//! `lk emit --spool` and `lk spool`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use insta::assert_snapshot;
use laniakea_e2e::{Process, Signal, until};

use crate::{
    program::{Directory, Run, command, mode},
    relay::Relay,
};

const PING: &str = "_lk.core.ping";

/// A spool, and a relay that is not always there.
struct Scene {
    directory: Directory,
    relay: Relay,
    spool: String,
    /// Nobody is there.
    nowhere: String,
}

impl Scene {
    fn new() -> Self {
        let directory = Directory::new();
        let (spool, nowhere) = (directory.text("spool"), directory.text("nobody"));
        let nowhere = format!("ipc://{nowhere}");
        Self { directory, relay: Relay::new(), spool, nowhere }
    }

    /// Emits while the relay is away.
    fn spool_with(&self, message: &str, more: &[&str]) -> Run {
        self.emit(&self.nowhere, message, &[&["--timeout", "1s"], more].concat())
    }

    fn emit(&self, to: &str, message: &str, more: &[&str]) -> Run {
        self.emit_as("archive-01", to, message, more)
    }

    fn emit_as(&self, signer: &str, to: &str, message: &str, more: &[&str]) -> Run {
        let (key, message) = (self.directory.secret(signer), format!("message={message}"));
        let first = ["emit", PING, &message, "--spool", &self.spool, "--key", &key, "--to", to];
        self.directory.lk(&[&first[..], more].concat())
    }

    fn spool(&self, command: &str, more: &[&str]) -> Run {
        self.directory.lk(&[&["spool", command, &self.spool], more].concat())
    }

    fn flush(&self, more: &[&str]) -> Run {
        self.spool("flush", &[&["--to", self.relay.submit_endpoint()], more].concat())
    }

    /// Files of events that wait.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.spool).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        // What is not finished is hidden, and no event yet.
        let is_event = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            path.extension().is_some_and(|end| end == "json") && !name.starts_with('.')
        };
        let mut files: Vec<PathBuf> = paths.filter(is_event).collect();
        files.sort();
        files
    }

    /// The messages in the relay's journal.
    fn messages(&self) -> Vec<String> {
        let run = self.relay.ask("history", &["--json"]);
        let message = |line: &str| line.split("\"message\":\"").nth(1).unwrap().to_owned();
        let until_quote = |rest: String| rest.split('"').next().unwrap().to_owned();
        run.lines().into_iter().map(message).map(until_quote).collect()
    }
}

#[test]
fn a_relay_that_is_away_is_no_failure_and_gets_everything_in_order() {
    let scene = Scene::new();
    let run = scene.spool_with("1", &["--time", "2026-11-23T16:00:00Z"]);
    assert_snapshot!(run.without(scene.directory.root(), "[DIR]"));
    let run = scene.spool_with("2", &["--json"]);
    assert_eq!(run.code, Some(0), "{run}");
    for text in ["\"spooled\": true", "\"waiting\": 2", "\"number\": 2", "\"reason\": \"no reply"] {
        assert!(run.stdout.contains(text), "{text}: {run}");
    }
    assert!(run.stderr.contains("2 events wait in [DIR]/spool"), "{run}");
    assert_eq!((scene.files().len(), mode(Path::new(&scene.spool))), (2, 0o700));
    let run = scene.emit(scene.relay.submit_endpoint(), "3", &["--json"]);
    assert!(run.code == Some(0) && run.stderr.is_empty(), "{run}");
    assert!(
        run.stdout.contains("\"seq\": 3") && run.stdout.contains("\"spooled\": false"),
        "{run}"
    );
    assert_eq!(scene.messages(), ["1", "2", "3"]);
    assert!(scene.files().is_empty());
}

#[test]
fn flush_sends_what_waits_and_exits_with_4_while_it_cannot() {
    let scene = Scene::new();
    for message in ["1", "2", "3"] {
        assert_eq!(scene.spool_with(message, &[]).code, Some(0));
    }
    let run = scene.spool("flush", &["--to", &scene.nowhere, "--timeout", "1s"]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("error: 3 events wait in [DIR]/spool: no reply"), "{run}");
    assert_eq!(scene.files().len(), 3);
    let run = scene.flush(&["--json"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("\"sent\": 3") && run.stdout.contains("\"waiting\": 0"), "{run}");
    assert_eq!(scene.messages(), ["1", "2", "3"]);
    assert_eq!(scene.flush(&[]).stdout, "sent     0\nwaiting  0\n");
}

#[test]
fn an_event_that_the_relay_has_already_is_sent_again_harmlessly() {
    let scene = Scene::new();
    let time = ["--time", "2026-11-23T16:00:00Z"];
    scene.spool_with("1", &time);
    let copy = scene.files().remove(0);
    let text = fs::read(&copy).unwrap();
    assert_eq!(scene.flush(&[]).code, Some(0));
    // As if the sender had crashed before it removed the file.
    fs::write(&copy, text).unwrap();
    let run = scene.flush(&[]);
    assert!(run.stdout.contains("duplicate  1: the relay had them already"), "{run}");
    let run = scene.emit(scene.relay.submit_endpoint(), "1", &time);
    assert!(run.code == Some(0) && run.stdout.contains("seq        1"), "{run}");
    assert_eq!(scene.messages(), ["1"]);
}

#[test]
fn a_rejection_exits_with_3_stays_with_its_reason_and_holds_up_nobody() {
    let scene = Scene::new();
    let relay = scene.relay.submit_endpoint();
    let run = scene.emit_as("stranger-01", relay, "1", &[]);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.stderr.contains("unknown_signer") && run.stderr.contains("--rejected"), "{run}");
    let run = scene.emit_as("spears-01", &scene.nowhere, "2", &["--timeout", "1s"]);
    assert_eq!(run.code, Some(0), "{run}");
    let run = scene.emit(relay, "3", &[]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("warning: event 2 of the spool (_lk.core.ping, "), "{run}");
    assert!(run.stderr.contains("was rejected: not_authorised: "), "{run}");
    assert_eq!(scene.messages(), ["3"]);
    let list = scene.spool("list", &[]);
    assert!(list.stdout.starts_with("rejected (2)\n  1  "), "{list}");
    assert!(list.stdout.contains("not_authorised: "), "{list}");
    let list = scene.spool("list", &["--json"]);
    assert!(list.stdout.contains("\"reason\": \"unknown_signer\""), "{list}");
    // Still not trusted.
    let run = scene.flush(&["--rejected"]);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.stdout.contains("rejected  2") && run.stdout.contains("waiting   0"), "{run}");
}

#[test]
fn only_what_is_named_is_dropped() {
    let scene = Scene::new();
    for message in ["1", "2", "3"] {
        scene.spool_with(message, &[]);
    }
    scene.emit_as("stranger-01", scene.relay.submit_endpoint(), "4", &["--timeout", "1s"]);
    for message in ["5", "6", "7"] {
        scene.spool_with(message, &[]);
    }
    for (arguments, code) in
        [(&[][..], 2), (&["99"], 1), (&["5", "99"], 1), (&["x"], 2), (&["5", "--all"], 2)]
    {
        assert_eq!(scene.spool("drop", arguments).code, Some(code), "{arguments:?}");
    }
    assert_eq!(scene.files().len(), 3);
    let digest = scene.files()[1].to_str().unwrap().rsplit_once('-').unwrap().1[..12].to_owned();
    assert_eq!(scene.spool("drop", &["5", &digest]).stdout, "dropped  2 events\n");
    assert_eq!(scene.spool("drop", &["--rejected"]).stdout, "dropped  1 event\n");
    assert!(scene.spool("list", &[]).stdout.starts_with("waiting (1)\n  7  "));
    assert!(scene.spool("drop", &["--all", "--json"]).stdout.contains("\"dropped\": 1"));
    let list = scene.spool("list", &[]);
    assert_eq!((list.stdout.as_str(), list.stderr.as_str()), ("", "note: nothing waits\n"));
}

#[test]
fn an_emit_that_is_killed_leaves_its_event_to_the_next_one() {
    let scene = Scene::new();
    let key = scene.directory.secret("archive-01");
    let to = &scene.nowhere;
    let arguments = ["emit", PING, "message=1", "--spool", &scene.spool, "--key", &key, "--to", to];
    let emit = Process::start(&mut command(&[&arguments[..], &["--timeout", "1h"]].concat()));
    until("the event to be spooled", || (!scene.files().is_empty()).then_some(()));
    assert_eq!(emit.stop(Signal::KILL).code(), None);
    // Another one was killed while it wrote.
    fs::write(scene.directory.path("spool/.new-1"), "{\"da").unwrap();
    let run = scene.emit(scene.relay.submit_endpoint(), "2", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    assert_eq!(scene.messages(), ["1", "2"]);
    assert!(!scene.directory.path("spool/.new-1").exists());
}

#[test]
fn while_another_process_sends_an_event_waits() {
    let scene = Scene::new();
    let key = scene.directory.secret("archive-01");
    let to = &scene.nowhere;
    let arguments = ["emit", PING, "message=1", "--spool", &scene.spool, "--key", &key, "--to", to];
    let hanging = Process::start(&mut command(&[&arguments[..], &["--timeout", "1h"]].concat()));
    until("the event to be spooled", || (!scene.files().is_empty()).then_some(()));
    let relay = scene.relay.submit_endpoint();
    // The process that hangs has put its event there; it sends, or is about to.
    let run = until("the turn to be taken", || {
        let run = scene.emit(relay, "2", &["--timeout", "1s"]);
        run.stderr.contains("another process is sending").then_some(run)
    });
    assert_eq!(run.code, Some(0), "{run}");
    let run = scene.flush(&["--timeout", "1s"]);
    assert_eq!(run.code, Some(1), "{run}");
    hanging.stop(Signal::KILL);
    assert_eq!(scene.flush(&[]).code, Some(0));
    assert!(scene.files().is_empty());
    assert_eq!(scene.messages().first().map(String::as_str), Some("1"));
}

#[test]
fn a_full_spool_is_told_and_emptied_once_the_relay_is_back() {
    let scene = Scene::new();
    let max = ["--spool-max", "2"];
    scene.spool_with("1", &max);
    scene.spool_with("2", &max);
    let run = scene.spool_with("3", &max);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("[DIR]/spool is full: it holds 2 events of "), "{run}");
    assert!(run.stderr.contains("hint: the event was not kept. `lk spool flush"), "{run}");
    let run = scene.emit(scene.relay.submit_endpoint(), "4", &max);
    assert!(run.code == Some(0) && run.stdout.contains("seq     3"), "{run}");
    assert_eq!(scene.messages(), ["1", "2", "4"]);
}

#[test]
fn damaged_and_foreign_files_are_told_and_passed_over() {
    let scene = Scene::new();
    for message in ["1", "2", "3"] {
        scene.spool_with(message, &[]);
    }
    let files = scene.files();
    fs::write(&files[0], "\u{1b}[2J").unwrap();
    fs::copy(&files[2], &files[1]).unwrap();
    scene.directory.write("spool/notes\u{1b}[2J.txt", "");
    let list = scene.spool("list", &[]);
    assert_eq!(list.code, Some(0), "{list}");
    assert!(list.stdout.contains("waiting (1)\n  3  "), "{list}");
    assert!(list.stdout.contains("damaged (2)\n  1  "), "{list}");
    assert!(list.stderr.contains("notes\\u{1b}[2J.txt does not belong here"), "{list}");
    assert!(!format!("{}{}", list.stdout, list.stderr).contains('\u{1b}'));
    let run = scene.flush(&["--json"]);
    assert_eq!(run.code, Some(0), "{run}");
    for text in ["\"sent\": 1", "\"damaged\": 2", "\"waiting\": 0"] {
        assert!(run.stdout.contains(text), "{text}: {run}");
    }
    assert!(run.stderr.contains("is damaged and was passed over: "), "{run}");
    assert_eq!(scene.messages(), ["3"]);
    assert_eq!(scene.spool("drop", &["1", "2"]).stdout, "dropped  2 events\n");
    assert!(scene.directory.path("spool/notes\u{1b}[2J.txt").exists());
}

#[test]
fn a_spool_that_cannot_be_used_is_told_before_anything_is_sent() {
    let scene = Scene::new();
    let (key, to) = (scene.directory.secret("archive-01"), scene.relay.submit_endpoint());
    let file = scene.directory.write("file", "");
    // Not even root makes files in /sys.
    for spool in [file.as_str(), "/sys"] {
        let run = crate::program::lk(&["emit", PING, "--spool", spool, "--key", &key, "--to", to]);
        assert_eq!(run.code, Some(2), "{spool}: {run}");
        assert!(run.stderr.contains("could not "), "{run}");
    }
    for command in ["list", "flush"] {
        assert_eq!(scene.spool(command, &[]).code, Some(2), "{command}");
    }
    // What is mistyped is not spooled.
    assert_eq!(scene.emit("nonsense", "1", &[]).code, Some(2));
    assert!(scene.files().is_empty() && scene.messages().is_empty());
}
