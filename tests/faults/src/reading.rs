//! What a journal holds when its relay is stopped.

use std::path::Path;

use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::RunningRelay;
use laniakea_event::{Seq, SignerId};
use laniakea_journal::{Budget, Journal as _, Query, StoredEvent};
use laniakea_journal_sqlite::SqliteJournal;
use laniakea_wire::subscription::{Believe, Delivery};
use rusqlite::Connection;
use uuid::Uuid;

use crate::checker::Checker;

/// Tells the checker of every event in the journal of a relay that is stopped, verified anew.
pub(crate) fn read_into(checker: &mut Checker, relay: &RunningRelay) {
    let believe = Believe::Sources(relay.trust().into());
    for event in events(&journal_file(relay), relay.name()) {
        let verified = Delivery::open(event.frame.clone(), &believe, SystemClock.now());
        let digest = match verified {
            Ok(delivery) if delivery.note().map(|note| note.seq) != Some(event.seq) => {
                Err("its note names another seq".to_owned())
            }
            Ok(delivery) => Ok(delivery.digest()),
            Err(rejection) => Err(rejection.to_string()),
        };
        checker.journaled(event.seq, &event.frame, digest);
    }
}

/// Where a relay keeps its journal.
pub(crate) fn journal_file(relay: &RunningRelay) -> std::path::PathBuf {
    relay.directory().join("data/journal.sqlite")
}

/// Every event in a journal's file.
pub(crate) fn events(path: &Path, relay: &str) -> Vec<StoredEvent> {
    let relay = SignerId::parse(relay).unwrap();
    let journal = SqliteJournal::open(path, relay, Uuid::nil()).unwrap();
    let mut query = Query {
        after: Seq::START,
        prefixes: Vec::new(),
        limit: 1_000,
        max_bytes: 4 << 20,
        budget: Budget::UNLIMITED,
    };
    let mut events = Vec::new();
    loop {
        let page = journal.read(&query).unwrap();
        events.extend(page.events);
        query.after = page.next;
        if page.next == page.last {
            return events;
        }
    }
}

/// What SQLite's own check says; `ok` where all is well.
pub(crate) fn quick_check(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).unwrap()
}
