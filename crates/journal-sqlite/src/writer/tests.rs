//! What the writer does when the disk or somebody else stands in its way.

use std::{
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use laniakea_journal::{
    Budget, Query,
    conformance::fixture::{self, at, event},
};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::{
    open::{self, Opened},
    page, position,
};

/// A log of 512 KiB is long.
const SHORT: Checkpoints =
    Checkpoints { after_bytes: 256 << 10, long_log_pages: 256, patience: Duration::from_secs(5) };

struct Subject {
    opened: Opened,
    directory: TempDir,
}

impl Subject {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let opened = open(&directory.path().join("journal"));
        Self { opened, directory }
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.opened.writer
    }

    fn reopen(self) -> Self {
        let Self { opened, directory } = self;
        let path = opened.path.clone();
        drop(opened);
        Self { opened: open(&path), directory }
    }

    /// Another connection, as an administrator's shell has it.
    fn shell(&self) -> Connection {
        Connection::open(&self.opened.path).unwrap()
    }

    fn last(&self) -> u64 {
        self.opened.readers.read(position::bounds).unwrap().last.0
    }

    fn log_bytes(&self) -> u64 {
        self.directory.path().join("journal-wal").metadata().unwrap().len()
    }
}

fn open(path: &Path) -> Opened {
    open::open(path, fixture::relay(), Uuid::from_u128(1)).unwrap()
}

fn pings(numbers: std::ops::Range<u64>) -> Vec<Entry> {
    numbers.map(|number| event("_lk.core.ping", number).padding(3000).entry()).collect()
}

fn a_few() -> Query {
    Query {
        after: Seq::START,
        prefixes: Vec::new(),
        limit: 5,
        max_bytes: 4 << 20,
        budget: Budget::UNLIMITED,
    }
}

fn seqs(outcomes: &[Appended]) -> Vec<u64> {
    let seq = |outcome: &Appended| match outcome {
        Appended::Journaled(event) => event.seq().0,
        other => panic!("not journaled: {other:?}"),
    };
    outcomes.iter().map(seq).collect()
}

#[test]
fn a_full_disk_refuses_a_group_and_takes_it_when_there_is_space() {
    let mut subject = Subject::new();
    subject.writer().append(&pings(0..5)).unwrap();
    let pages: i64 = subject
        .writer()
        .connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    subject.writer().connection.pragma_update(None, "max_page_count", pages + 3).unwrap();
    for _ in 0..3 {
        let error = subject.writer().append(&pings(5..50)).unwrap_err();
        assert!(matches!(error, JournalError::Full { .. }), "{error}");
        assert!(error.is_recoverable());
        assert_eq!(subject.last(), 5);
    }
    // A smaller group still fits, and reading goes on.
    assert_eq!(seqs(&subject.writer().append(&pings(100..101)).unwrap()), [6]);
    subject.writer().connection.pragma_update(None, "max_page_count", 1 << 30).unwrap();
    let taken = subject.writer().append(&pings(5..50)).unwrap();
    assert_eq!(seqs(&taken), (7..=51).collect::<Vec<_>>());
    assert_eq!(subject.reopen().last(), 51);
}

#[test]
fn a_shell_that_holds_the_write_lock_makes_the_journal_busy() {
    let mut subject = Subject::new();
    subject.writer().append(&pings(0..1)).unwrap();
    subject.writer().connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let shell = subject.shell();
    shell.execute_batch("BEGIN IMMEDIATE; DELETE FROM event").unwrap();
    let error = subject.writer().append(&pings(1..2)).unwrap_err();
    assert!(matches!(error, JournalError::Busy { .. }), "{error}");
    assert!(error.is_recoverable());
    // Readers do not notice.
    assert_eq!(subject.last(), 1);
    shell.execute_batch("ROLLBACK").unwrap();
    assert_eq!(seqs(&subject.writer().append(&pings(1..2)).unwrap()), [2]);
}

#[test]
fn after_a_failed_write_nothing_is_written_until_the_journal_is_opened_anew() {
    let mut subject = Subject::new();
    subject.writer().append(&pings(0..3)).unwrap();
    subject.writer().connection.pragma_update(None, "query_only", true).unwrap();
    let error = subject.writer().append(&pings(3..4)).unwrap_err();
    assert!(matches!(error, JournalError::Write { .. }), "{error}");
    assert!(!error.is_recoverable());
    subject.writer().connection.pragma_update(None, "query_only", false).unwrap();
    for _ in 0..3 {
        let error = subject.writer().append(&pings(3..4)).unwrap_err();
        assert!(matches!(error, JournalError::Write { .. }), "{error}");
        subject.writer().append(&[]).unwrap_err();
        subject.writer().prune_some(Seq(1)).unwrap_err();
    }
    assert_eq!(subject.last(), 3);
    let mut subject = subject.reopen();
    assert_eq!(seqs(&subject.writer().append(&pings(3..4)).unwrap()), [4]);
}

#[test]
fn a_damaged_table_stops_appends() {
    let mut subject = Subject::new();
    subject.writer().append(&pings(0..3)).unwrap();
    subject.shell().execute_batch("DROP TABLE taken_digest").unwrap();
    let error = subject.writer().append(&pings(3..4)).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert!(!error.is_recoverable());
    let error = subject.writer().append(&pings(3..4)).unwrap_err();
    assert!(matches!(error, JournalError::Write { .. }), "{error}");
}

#[test]
fn the_log_stays_short_although_somebody_always_reads() {
    let mut subject = Subject::new();
    subject.writer().append(&pings(0..1)).unwrap();
    let is_done = AtomicBool::new(false);
    let Opened { readers, writer, .. } = &mut subject.opened;
    let (readers, is_done) = (&*readers, &is_done);
    thread::scope(|scope| {
        let (ready, started) = mpsc::sync_channel(0);
        for _ in 0..2 {
            let ready = ready.clone();
            scope.spawn(move || {
                // Each hands over to the other, so that there is no moment without a reader.
                while !is_done.load(Ordering::Relaxed) {
                    readers
                        .read(|connection| {
                            position::bounds(connection)?;
                            let _ = ready.try_send(());
                            page::read(connection, &a_few())
                        })
                        .unwrap();
                }
            });
        }
        started.recv().unwrap();
        writer.checkpoints = SHORT;
        for start in (1..700).step_by(10) {
            writer.append(&pings(start..start + 10)).unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    // All that was written has 5 MB.
    assert!(subject.log_bytes() < 2 << 20, "the log has {} bytes", subject.log_bytes());
    assert_eq!(subject.last(), 701);
}

#[test]
fn a_reader_that_does_not_end_stops_no_append() {
    let mut subject = Subject::new();
    let shell = subject.shell();
    subject.writer().append(&pings(0..1)).unwrap();
    shell.execute_batch("BEGIN; SELECT count(*) FROM event").unwrap();
    subject.writer().checkpoints = Checkpoints { patience: Duration::ZERO, ..SHORT };
    for start in (1..700).step_by(10) {
        subject.writer().append(&pings(start..start + 10)).unwrap();
    }
    let count: i64 = shell.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!((count, subject.last()), (1, 701));
}

#[test]
fn a_moment_is_found_exactly_while_retention_is_under_way() {
    let mut subject = Subject::new();
    let received = [50, 10, 20, 60].map(|second| (second, at(second)));
    let group: Vec<Entry> = (0..)
        .zip(received)
        .map(|(number, (_, time))| event("_lk.core.ping", number).received(time).entry())
        .collect();
    subject.writer().append(&group).unwrap();
    // As if a crash had come after the first step of a prune that would have gone further.
    subject.writer().prune_some(Seq(1)).unwrap();
    let position = |second| {
        subject
            .opened
            .readers
            .read(|connection| position::at(connection, at(second), Budget::UNLIMITED))
            .unwrap()
            .0
    };
    assert_eq!([0, 10, 15, 20, 30, 60, 61].map(position), [1, 1, 2, 2, 3, 3, 4]);
}

#[test]
fn one_step_of_retention_is_bounded() {
    let mut subject = Subject::new();
    let small = (0..2000).map(|number| event("_lk.core.ping", number).entry());
    subject.writer().append(&small.collect::<Vec<_>>()).unwrap();
    let large = (0..8).map(|number| event("_lk.core.big", number).padding(1_000_000).entry());
    let large: Vec<Entry> = large.collect();
    subject.writer().append(&large).unwrap();
    let removed = [0; 5].map(|_| subject.writer().prune_some(Seq(2007)).unwrap());
    assert_eq!(removed, [1000, 1000, 5, 2, 0]);
}
