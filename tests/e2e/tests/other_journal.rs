//! A relay that was rebuilt has another journal: what each command of lk does about that.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
};

use laniakea_e2e::{Module, Process, Relay, RunningRelay, Signal, binary, until};
use laniakea_event::{Digest, Limits, RelayNote, Seq, SignedEvent, SignerId, SubmittedEvent};
use laniakea_wire::{
    Endpoint, Listen,
    replay::{From, Header, ReplayServer, Request},
};
use uuid::Uuid;

const ID: &str = "_lk.archive.package-build-success";

fn archive() -> Module {
    Module::new("archive-01")
}

fn relay(archive: &Module) -> RunningRelay {
    Relay::new().trust(archive, &["_lk.archive."]).run()
}

/// Starts the relay anew without its journal.
fn rebuild(relay: &mut RunningRelay) {
    relay.stop(Signal::TERM);
    let data = relay.directory().join("data");
    for file in fs::read_dir(data).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    relay.start();
}

fn events(module: &Module, count: usize) -> Vec<SignedEvent> {
    (0..count).map(|_| module.event(ID)).collect()
}

async fn submit(relay: &RunningRelay, events: &[SignedEvent]) {
    let publisher = relay.publisher(64);
    for event in events {
        publisher.submit(event.bytes().to_vec()).await.unwrap();
    }
}

fn digests(events: &[SignedEvent]) -> Vec<Digest> {
    events.iter().map(SignedEvent::digest).collect()
}

fn lk(relay: &RunningRelay, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("lk"));
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.args(["--from", &relay.endpoints().publish]);
    command.args(["--replay", &relay.endpoints().replay]);
    command
}

fn printed<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Digest> {
    let events = lines.filter(|line| line.starts_with('{'));
    let digest =
        |line: &str| SubmittedEvent::parse(line.as_bytes(), &Limits::FROM_RELAY).unwrap().digest();
    events.map(digest).collect()
}

fn prints(listener: &Process, count: usize) -> Vec<Digest> {
    until("the events", || {
        let lines = listener.output();
        let printed = printed(lines.iter().map(String::as_str));
        (printed.len() >= count).then_some(printed)
    })
}

#[tokio::test]
async fn listen_says_so_and_prints_nothing_twice() {
    let archive = archive();
    let mut relay = relay(&archive);
    let directory = tempfile::tempdir().unwrap();
    let cursor = directory.path().join("cursor");
    let arguments = ["listen", "--json", "--cursor", cursor.to_str().unwrap()];
    let listener = Process::start(&mut lk(&relay, &arguments));
    until("the cursor", || cursor.exists().then_some(()));
    let all = events(&archive, 30);
    submit(&relay, &all[..20]).await;
    prints(&listener, 20);
    let old = relay.status().journal;
    rebuild(&mut relay);
    // A source sends again what it does not know to have arrived.
    submit(&relay, &all[10..]).await;
    assert_eq!(prints(&listener, 30), digests(&all));
    listener.line("the relay has another journal");
    let new = relay.status().journal;
    assert_ne!(old, new);
    until("the position", || {
        (fs::read_to_string(&cursor).unwrap() == format!("{new}:20\n")).then_some(())
    });
    assert!(listener.stop(Signal::INT).success());

    // One that was away has the position alone: it reads the new journal from its beginning.
    rebuild(&mut relay);
    submit(&relay, &all[25..]).await;
    let listener = Process::start(&mut lk(&relay, &arguments));
    assert_eq!(prints(&listener, 5), digests(&all[25..]));
    listener.line("the relay has another journal");
}

#[tokio::test]
async fn on_stops_until_somebody_accepts_the_journal() {
    let archive = archive();
    let mut relay = relay(&archive);
    let directory = tempfile::tempdir().unwrap();
    let (cursor, output) = (directory.path().join("cursor"), directory.path().join("output"));
    let script = format!("printf '%s\\n' \"$LK_EVENT_DIGEST\" >> {}", output.display());
    let on = |relay: &RunningRelay, more: &[&str]| {
        let mut command = lk(relay, &["on", "_lk.archive."]);
        command.arg("--cursor").arg(&cursor).args(more).args(["--", "sh", "-c", &script]);
        command
    };
    let handled = || -> Vec<String> {
        let text = fs::read_to_string(&output).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let as_text = |events: &[SignedEvent]| -> Vec<String> {
        digests(events).iter().map(ToString::to_string).collect()
    };
    let mut sink = Process::start(&mut on(&relay, &[]));
    until("the cursor", || cursor.exists().then_some(()));
    let all = events(&archive, 6);
    submit(&relay, &all[..3]).await;
    until("the commands", || (handled().len() == 3).then_some(()));
    until("the position", || fs::read_to_string(&cursor).unwrap().ends_with(":3\n").then_some(()));
    rebuild(&mut relay);
    submit(&relay, &all[2..]).await;
    // The one that was there stops, and so does the next start.
    assert!(!sink.wait().success());
    let journal = relay.status().journal;
    let stopped: Output = on(&relay, &[]).output().unwrap();
    assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
    let said = String::from_utf8(stopped.stderr).unwrap();
    assert!(said.contains("the relay has another journal"), "{said}");
    assert!(said.contains(&format!("--accept-journal {journal}")), "{said}");
    assert_eq!(handled(), as_text(&all[..3]));
    let accepted = Process::start(&mut on(&relay, &["--accept-journal", &journal.to_string()]));
    until("the commands", || (handled().len() == 7).then_some(()));
    assert_eq!(handled(), [as_text(&all[..3]), as_text(&all[2..])].concat());
    until("the position", || {
        (fs::read_to_string(&cursor).unwrap() == format!("{journal}:4\n")).then_some(())
    });
    assert!(accepted.stop(Signal::INT).success());
}

/// A replay endpoint that has another journal with every page.
fn restless(archive: &Module) -> String {
    let listen = Listen::plain([Endpoint("tcp://127.0.0.1:*".to_owned())]);
    let server = ReplayServer::bind(&listen).unwrap();
    let endpoint = server.endpoints()[0].0.clone();
    let archive = archive.clone();
    std::thread::spawn(move || {
        let answers = server.answers();
        let mut pages = 0;
        while let Some(request) = server.next() {
            let mut header = header(Uuid::from_u128(pages), Seq(10));
            let mut frames = Vec::new();
            if let Request::Read(read) = &request.request {
                let From::After(after) = read.from else { panic!("{read:?}") };
                frames.push(frame(&archive, header.journal, after.next()));
                (header.count, header.next) = (Some(1), Some(after.next()));
                pages += 1;
            }
            answers.answer(request, &header, frames);
        }
    });
    endpoint
}

fn header(journal: Uuid, last: Seq) -> Header {
    Header::new(journal, Seq(1), last)
}

fn frame(archive: &Module, journal: Uuid, seq: Seq) -> Vec<u8> {
    let note = RelayNote {
        relay: SignerId::parse("lighthouse-test").unwrap(),
        journal,
        seq,
        received: "2026-11-23T16:00:00.000000Z".to_owned(),
        prev: [(String::new(), Seq(seq.0 - 1))].into(),
    };
    let event = SubmittedEvent::parse(archive.event(ID).bytes(), &Limits::FROM_RELAY).unwrap();
    let mut keyring = laniakea_event::Keyring::default();
    let key = archive.key();
    keyring.insert(key.signer().clone(), key.key_id().clone(), key.verifying_key()).unwrap();
    let now = "2026-11-23T16:00:00Z".parse().unwrap();
    event.verify(&keyring, now).unwrap().frame(&note)
}

#[test]
fn history_does_not_pass_two_journals_off_as_one() {
    let archive = archive();
    let endpoint = restless(&archive);
    let output = Command::new(binary("lk"))
        .args(["history", "--json", "--replay", &endpoint])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("began another journal while this one was read"), "{said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let shown: BTreeSet<Digest> = printed(lines.lines()).into_iter().collect();
    assert!(shown.len() <= 1, "{lines}");
}
