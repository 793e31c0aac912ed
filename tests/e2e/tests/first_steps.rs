//! What the README tells a new user to do, with the real binaries.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use laniakea_e2e::{Process, Signal, binary, until};

const ID: &str = "_lk.archive.package-build-success";

/// A directory in which somebody follows the README, on ports of its own.
struct Steps {
    place: tempfile::TempDir,
    relay: Option<Process>,
    submit: String,
    publish: String,
    replay: String,
}

impl Steps {
    /// `lighthouse init`, `lk key new`, `lk key trust`, `lighthouse run`.
    fn follow() -> Self {
        let place = tempfile::tempdir().unwrap();
        let relay = place.path().join("relay");
        let relay = relay.to_str().unwrap();
        run("lighthouse", &["init", relay]);
        run("lk", &["key", "new", "--id", "archive-01", &format!("{relay}/keys")]);
        let config = PathBuf::from(format!("{relay}/lighthouse.toml"));
        run(
            "lk",
            &["key", "trust", &format!("{relay}/keys/archive-01.key"), "--id", "archive-01"]
                .into_iter()
                .chain(["--emit", "_lk.archive.", "--config", config.to_str().unwrap()])
                .collect::<Vec<_>>(),
        );
        let text = fs::read_to_string(&config).unwrap();
        let text =
            [":5571", ":5572", ":5573"].iter().fold(text, |text, port| text.replace(port, ":*"));
        fs::write(&config, text).unwrap();
        let mut steps = Self {
            place,
            relay: None,
            submit: String::new(),
            publish: String::new(),
            replay: String::new(),
        };
        steps.start_relay();
        steps
    }

    fn start_relay(&mut self) {
        let mut command = Command::new(binary("lighthouse"));
        command
            .args(["run", "--config"])
            .arg(self.config())
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG");
        let process = Process::start(&mut command);
        let ready = process.line(" ready ");
        let endpoint = |name: &str| {
            let (_, rest) = ready.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        (self.submit, self.publish, self.replay) =
            (endpoint("submit"), endpoint("publish"), endpoint("replay"));
        let text = fs::read_to_string(self.config()).unwrap();
        let text = [&self.submit, &self.publish, &self.replay]
            .into_iter()
            .fold(text, |text, endpoint| text.replacen("tcp://127.0.0.1:*", endpoint, 1));
        fs::write(self.config(), text).unwrap();
        self.relay = Some(process);
    }

    fn config(&self) -> PathBuf {
        self.place.path().join("relay/lighthouse.toml")
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).to_str().unwrap().to_owned()
    }

    fn emit(&self, id: &str) -> Output {
        let key = self.path("relay/keys/archive-01.key_secret");
        let arguments = ["emit", id, "pkgname=hello", "version=2.10-5", "repo=master"];
        let arguments =
            arguments.into_iter().chain(["architecture=amd64", "suite=sid", "job_id=1"]);
        let arguments = arguments.chain(["--key", &key, "--to", &self.submit]);
        Command::new(binary("lk")).args(arguments).output().unwrap()
    }

    fn emit_digest(&self) -> String {
        let output = self.emit(ID);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let digest = text.split_whitespace().find(|word| word.len() == 64);
        digest.unwrap_or_else(|| panic!("no digest in {text:?}")).to_owned()
    }

    fn lk(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("lk"));
        command.args(arguments).args(["--from", &self.publish, "--replay", &self.replay]);
        command.env("NO_COLOR", "1").env_remove("RUST_LOG");
        command
    }
}

fn run(name: &str, arguments: &[&str]) -> Output {
    let output = Command::new(binary(name)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {output:?}");
    output
}

#[test]
fn a_new_user_sees_an_event_that_was_emitted() {
    let steps = Steps::follow();
    let keys = steps.path("relay/keys/trusted");
    let listener = Process::start(&mut steps.lk(&["listen", "--after", "0", "--keys", &keys]));
    let emitted = steps.emit(ID);
    assert!(emitted.status.success(), "{emitted:?}");
    let line = listener.line("hello");
    assert!(line.contains("2.10-5") && line.contains("archive-01"), "{line}");
    assert!(listener.stop(Signal::INT).success());
    let refused = steps.emit("_lk.spears.new-excuse");
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not_authorised"), "{refused:?}");
}

#[test]
fn a_command_runs_for_every_event_although_everything_is_killed() {
    let mut steps = Steps::follow();
    let (cursor, output) = (steps.path("cursor"), steps.path("digests"));
    let script = format!("printf '%s\\n' \"$LK_EVENT_DIGEST\" >> {output}");
    let on = |steps: &Steps| {
        let mut command = Command::new(binary("lk"));
        command.args(["on", "_lk.archive.", "--cursor", &cursor]);
        command.args(["--from", &steps.publish, "--replay", &steps.replay]);
        command.args(["--", "sh", "-c", &script]).env_remove("RUST_LOG");
        Process::start(&mut command)
    };
    let handled = || -> BTreeSet<String> {
        let text = fs::read_to_string(&output).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    // Without a cursor it begins with the next event, so it has to be there first.
    let mut sink = on(&steps);
    until("the first event to be handled", || {
        steps.emit(ID);
        handled().pop_first()
    });
    until("the position to be stored", || fs::metadata(&cursor).ok());
    let mut emitted = BTreeSet::new();
    for _ in 0..3 {
        let digest = steps.emit_digest();
        until("the event to be handled", || handled().contains(&digest).then_some(()));
        emitted.insert(digest);
        emitted.insert(steps.emit_digest());
        sink.stop(Signal::KILL);
        emitted.insert(steps.emit_digest());
        steps.relay.take().unwrap().stop(Signal::KILL);
        steps.start_relay();
        emitted.insert(steps.emit_digest());
        sink = on(&steps);
    }
    until("every event to be handled", || emitted.is_subset(&handled()).then_some(()));
}
