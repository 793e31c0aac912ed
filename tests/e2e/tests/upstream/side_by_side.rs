//! Two relays that take the same events from the same sources, and a consumer of both.

use std::{collections::BTreeSet, path::Path, process::Command};

use laniakea_e2e::{Module, Process, RunningRelay, Signal, binary, until};
use laniakea_event::{Digest, Limits, SignedEvent, SubmittedEvent};

use crate::{ID, archive, relay};

/// `lk listen` on both relays.
fn listen(relays: [&RunningRelay; 2], arguments: &[&str]) -> Process {
    let mut command = Command::new(binary("lk"));
    command.arg("listen").args(arguments).arg("--json");
    for relay in relays {
        command.args(["--from", &relay.endpoints().publish]);
        command.args(["--replay", &relay.endpoints().replay]);
    }
    command.env_clear();
    Process::start(&mut command)
}

fn printed(listener: &Process) -> Vec<Digest> {
    let lines = listener.output().into_iter().filter(|line| line.starts_with('{'));
    let digest = |line: String| {
        SubmittedEvent::parse(line.as_bytes(), &Limits::FROM_RELAY).unwrap().digest()
    };
    lines.map(digest).collect()
}

/// Waits for so many lines, and returns them.
fn prints(listener: &Process, count: usize) -> Vec<Digest> {
    until("the events", || (printed(listener).len() >= count).then_some(()));
    printed(listener)
}

async fn submit(relay: &RunningRelay, events: &[SignedEvent]) {
    let publisher = relay.publisher(64);
    for event in events {
        publisher.submit(event.bytes().to_vec()).await.unwrap();
    }
}

fn events(module: &Module, count: usize) -> Vec<SignedEvent> {
    (0..count).map(|_| module.event(ID)).collect()
}

fn digests(events: &[SignedEvent]) -> BTreeSet<Digest> {
    events.iter().map(SignedEvent::digest).collect()
}

#[tokio::test]
async fn a_consumer_of_both_prints_every_event_once_although_one_is_killed() {
    let archive = archive();
    let mut left = relay("left", &archive).run();
    let right = relay("right", &archive).run();
    let directory = tempfile::tempdir().unwrap();
    let cursor = directory.path().join("cursor");
    let keys = left.directory().join("trusted");
    let arguments = ["--cursor", cursor.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
    let first = events(&archive, 300);
    submit(&left, &first).await;
    let listener = listen([&left, &right], &arguments);
    // It begins with the next event unless a cursor says otherwise.
    until("both cursors", || (cursors(directory.path()).len() == 2).then_some(()));
    let second = events(&archive, 300);
    submit(&left, &second[..150]).await;
    submit(&right, &second).await;
    prints(&listener, 300);
    left.stop(Signal::KILL);
    let third = events(&archive, 300);
    submit(&right, &third).await;
    prints(&listener, 600);
    left.start();
    // The source had kept what the one relay did not acknowledge.
    submit(&left, &second[150..]).await;
    submit(&left, &third).await;
    let fourth = events(&archive, 300);
    submit(&left, &fourth).await;
    submit(&right, &fourth[..200]).await;
    let lines = prints(&listener, 900);
    let wanted: BTreeSet<Digest> =
        [&second, &third, &fourth].into_iter().flat_map(|events| digests(events)).collect();
    assert_eq!(lines.iter().copied().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(lines.len(), 900, "an event was printed twice");
    assert!(listener.stop(Signal::INT).success());
    // Each has a cursor of its own: what only one took meanwhile is there at the next start.
    let fifth = events(&archive, 20);
    submit(&left, &fifth[..10]).await;
    submit(&right, &fifth[10..]).await;
    let again = listen([&left, &right], &arguments);
    let lines = prints(&again, 20);
    let lines: BTreeSet<Digest> = lines.into_iter().collect();
    assert!(digests(&fifth).is_subset(&lines), "{lines:?}");
}

fn cursors(directory: &Path) -> Vec<String> {
    let files = std::fs::read_dir(directory).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("cursor.tcp-127.0.0.1-") && !name.contains(".new"))
        .collect()
}

#[tokio::test]
async fn one_relay_that_never_shows_does_not_end_the_consumer_of_both() {
    let archive = archive();
    let mut left = relay("left", &archive).run();
    let right = relay("right", &archive).run();
    left.stop(Signal::TERM);
    let listener = listen([&left, &right], &["--since", "1h"]);
    listener.line("the others go on");
    let first = events(&archive, 5);
    submit(&right, &first).await;
    prints(&listener, 5);
    left.start();
    let second = events(&archive, 5);
    submit(&left, &first).await;
    submit(&left, &second).await;
    let lines = prints(&listener, 10);
    assert_eq!(lines, [first, second].concat().iter().map(SignedEvent::digest).collect::<Vec<_>>());
}
