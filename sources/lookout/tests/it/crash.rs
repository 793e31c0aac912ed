//! A crash at any point neither loses nor doubles an event: the real binary is killed with
//! `kill -9` wherever the outside can tell where it is. What happens inside its one transaction is
//! tested in `src/store/tests.rs`, step by step.

use std::{fs, path::Path};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{
    Archive, Installation, Relay, Server, Treatment, binary, installed, lines, wait_until,
};

const PACKAGES: usize = 5;
/// One event a package, and the publication.
const EVENTS: usize = PACKAGES + 1;

/// All packages of the archive in this version.
fn publish(archive: &mut Archive, version: usize) {
    let package =
        |n: usize| binary(&format!("p{n}"), &version.to_string(), "all", &format!("p{n}"));
    let packages: Vec<String> = (0..PACKAGES).map(package).collect();
    archive.packages(&packages).publish(&format!("2026-11-01T{version:02}:00:00Z"));
}

/// What must have arrived when all packages went from version 1 to `last`, one after the other.
fn story(last: usize) -> Vec<String> {
    let upgrades = (2..=last).flat_map(|version| {
        let package = move |n| {
            let before = version - 1;
            format!("main/p{n} {version} upgraded from {before} in x: [\"p{n}\"]")
        };
        let end =
            format!("published x of test at 2026-11-01T{version:02}:00:00Z: 0 {PACKAGES} 0 0 0");
        (0..PACKAGES).map(package).chain([end])
    });
    upgrades.collect()
}

/// How many events wait for the relay; not known while the database is being opened.
fn waiting(database: &Path) -> Option<usize> {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let count = "SELECT count(*) FROM outbox";
    usize::try_from(connection.query_row(count, [], |row| row.get::<_, i64>(0)).ok()?).ok()
}

fn told(relay: &Relay) -> Vec<String> {
    let events: Vec<Value> = relay.events();
    lines(&events)
}

/// Killed after the relay has got `k` events, whether it answered the last or not, for each `k`.
#[test]
fn lookout_may_be_killed_after_each_event_that_it_sends() {
    for last_answer in [Treatment::Take, Treatment::TakeSilently, Treatment::Ignore] {
        let relay = Relay::new();
        let mut archive = Archive::new();
        publish(&mut archive, 1);
        let installation = installed(&archive, &relay);
        assert_eq!(installation.run("once", &[]).code, Some(0));

        for k in 1..=EVENTS {
            publish(&mut archive, k + 1);
            relay.treat(move |number| match number + 1 {
                n if n < k => Treatment::Take,
                n if n == k => last_answer,
                _ => Treatment::Ignore,
            });
            let running = installation.start(&["run"]);
            relay.wait_for_submissions(k);
            running.kill();

            relay.treat(|_| Treatment::Take);
            let outcome = installation.run("once", &[]);
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
            assert_eq!(told(&relay), story(k + 1), "killed at event {k}, {last_answer:?}");
        }
    }
}

/// Killed at each request that it makes of the archive.
#[test]
fn lookout_may_be_killed_at_each_file_that_it_fetches() {
    let relay = Relay::new();
    let mut archive = Archive::new();
    publish(&mut archive, 1);
    let server = Server::new(archive.root());
    let installation = Installation::new(&archive, &server.url(), &relay.endpoint);

    assert_eq!(installation.run("once", &[]).code, Some(0));

    // The Release file, and then the index.
    for (version, requests) in [(2, 0), (3, 1)] {
        publish(&mut archive, version);
        server.hold_after(requests);
        let running = installation.start(&["run"]);
        server.wait_until_holding();
        running.kill();
        server.heal();
        assert_eq!(told(&relay), story(version - 1));
        assert_eq!(installation.run("once", &[]).code, Some(0));
        assert_eq!(told(&relay), story(version));
    }
}

/// Killed as soon as anything is written to the database, again and again, before anything is
/// sent.
#[test]
fn lookout_may_be_killed_when_the_transaction_is_written() {
    let relay = Relay::new();
    let mut archive = Archive::new();
    publish(&mut archive, 1);
    let installation = installed(&archive, &relay);
    assert_eq!(installation.run("once", &[]).code, Some(0));
    relay.treat(|_| Treatment::Ignore);
    let database = installation.directory.path().join("data/lookout.sqlite");
    let wal = installation.directory.path().join("data/lookout.sqlite-wal");
    let state = || fs::metadata(&wal).ok().map(|file| (file.len(), file.modified().unwrap()));

    for version in 2..12 {
        publish(&mut archive, version);
        let before = state();
        let running = installation.start(&["run"]);
        wait_until("something is being written", || state() != before);
        running.kill();
        assert!(told(&relay).is_empty());

        // Recorded or not then, it is by now. (What waits from before is sent earlier than that.)
        let running = installation.start(&["run"]);
        wait_until("the version is recorded", || {
            waiting(&database) == Some(EVENTS * (version - 1))
        });
        running.kill();
    }
    relay.treat(|_| Treatment::Take);
    assert_eq!(installation.run("once", &[]).code, Some(0));
    assert_eq!(told(&relay), story(11));
}
