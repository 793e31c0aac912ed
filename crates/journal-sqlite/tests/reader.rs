//! Journals that are read, checked and copied beside the one who writes them.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{error::Error, fs, path::Path};

use laniakea_event::Seq;
use laniakea_journal::{
    Budget, Journal, JournalError, Query,
    conformance::fixture::{self, event},
};
use laniakea_journal_sqlite::{BackupError, JournalReader, OpenError, SqliteJournal};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

type Test = Result<(), Box<dyn Error>>;

const ID: &str = "_lk.core.ping";

fn open(path: &Path) -> Result<SqliteJournal, OpenError> {
    SqliteJournal::open(path, fixture::relay(), Uuid::from_u128(42))
}

fn append(journal: &SqliteJournal, numbers: std::ops::RangeInclusive<u64>) -> Test {
    journal.append(numbers.map(|number| event(ID, number).entry()).collect())?;
    Ok(())
}

fn all() -> Query {
    Query {
        after: Seq::START,
        prefixes: Vec::new(),
        limit: 20_000,
        max_bytes: usize::MAX,
        budget: Budget::UNLIMITED,
    }
}

#[test]
fn a_reader_sees_what_the_writer_has_committed() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal");
    let journal = open(&path)?;
    append(&journal, 1..=10)?;
    let reader = JournalReader::open(&path)?;
    assert_eq!(reader.id(), journal.id());
    assert_eq!(reader.read(&all())?, journal.read(&all())?);
    append(&journal, 11..=20)?;
    assert_eq!(reader.bounds()?.last, Seq(20));
    reader.check()?;
    // A relay that starts while somebody reads is not kept out.
    drop(journal);
    append(&open(&path)?, 21..=30)?;
    assert_eq!(reader.bounds()?.last, Seq(30));
    Ok(())
}

#[test]
fn a_backup_is_one_moment_of_a_journal_that_grows_meanwhile() -> Test {
    let directory = TempDir::new()?;
    let (path, copy) = (directory.path().join("journal"), directory.path().join("copy"));
    let journal = open(&path)?;
    append(&journal, 1..=12_000)?;
    let expected = journal.read(&all())?;
    let reader = JournalReader::open(&path)?;
    let mut reports = Vec::new();
    let mut next = 12_001;
    reader.back_up(&copy, &mut |done, all| {
        assert!(append(&journal, next..=next + 9).is_ok());
        next += 10;
        reports.push((done, all));
    })?;
    assert!(reports.len() > 1, "it was copied in one step: the journal is too small for the test");
    assert!(reports.iter().any(|(done, all)| done < all));
    let (done, total) = reports[reports.len() - 1];
    assert_eq!(done, total);
    assert_eq!(journal.bounds()?.last, Seq(next - 1));

    let copied = JournalReader::open(&copy)?;
    assert_eq!(copied.read(&all())?, expected);
    copied.check()?;
    let names = fs::read_dir(directory.path())?.map(|entry| Ok(entry?.file_name()));
    let names: Vec<_> = names.collect::<Result<_, std::io::Error>>()?;
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("part")), "{names:?}");
    Ok(())
}

#[test]
fn a_backup_is_no_journal_to_go_on_with_and_replaces_nothing() -> Test {
    let directory = TempDir::new()?;
    let (path, copy) = (directory.path().join("journal"), directory.path().join("copy"));
    append(&open(&path)?, 1..=3)?;
    let reader = JournalReader::open(&path)?;
    reader.back_up(&copy, &mut |_, _| {})?;
    let before = fs::read(&copy)?;
    let error = open(&copy).expect_err("a copy must not be written to");
    assert!(matches!(error, OpenError::Backup { .. }), "{error}");
    assert!(error.to_string().contains("lighthouse import"));
    let error = reader.back_up(&copy, &mut |_, _| {}).expect_err("it exists");
    assert!(matches!(error, BackupError::Exists { .. }), "{error}");
    let nowhere = directory.path().join("no/such");
    let error = reader.back_up(&nowhere, &mut |_, _| {}).expect_err("there is no such directory");
    assert!(matches!(error, BackupError::Write { .. }), "{error}");
    assert_eq!(fs::read(&copy)?, before);
    Ok(())
}

#[test]
fn a_damaged_journal_has_no_backup_that_looks_sound() -> Test {
    let directory = TempDir::new()?;
    let (path, copy) = (directory.path().join("journal"), directory.path().join("copy"));
    append(&open(&path)?, 1..=3)?;
    Connection::open(&path)?.execute_batch("UPDATE event SET frame = x'7b7d' WHERE seq = 2")?;
    let error = JournalReader::open(&path)?.back_up(&copy, &mut |_, _| {});
    assert!(matches!(error, Err(BackupError::Damaged(_))), "{error:?}");
    assert_eq!(
        fs::read_dir(directory.path())?
            .filter(|entry| {
                entry
                    .as_ref()
                    .is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("copy"))
            })
            .count(),
        0
    );
    Ok(())
}

#[test]
fn what_the_tables_contradict_is_found() -> Test {
    for sql in [
        "DELETE FROM taken_digest WHERE seq = 50",
        "UPDATE taken_digest SET seq = 51 WHERE seq = 50",
        "UPDATE taken_digest SET digest = zeroblob(32) WHERE seq = 50",
        "UPDATE event SET digest = zeroblob(32) WHERE seq = 50",
        "UPDATE prefix_last SET seq = 99 WHERE prefix = ''",
    ] {
        let directory = TempDir::new()?;
        let path = directory.path().join("journal");
        append(&open(&path)?, 1..=100)?;
        Connection::open(&path)?.execute_batch(sql)?;
        let error = JournalReader::open(&path)?.check().expect_err(sql);
        assert!(
            matches!(error, JournalError::Damaged { .. } | JournalError::DamagedEvent { .. }),
            "{error:?}"
        );
    }
    Ok(())
}

#[test]
fn what_is_no_journal_is_refused_by_name_and_not_touched() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("file");
    let refused = |text: &[u8], expected: &str| -> Test {
        fs::write(&path, text)?;
        let error = JournalReader::open(&path).expect_err("it is no journal");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read(&path)?, text);
        Ok(())
    };
    refused(b"", "could not open the journal")?;
    refused(b"hello", "is no SQLite file")?;
    fs::remove_file(&path)?;
    assert!(matches!(JournalReader::open(&path), Err(OpenError::Inaccessible { .. })));
    assert!(!path.exists());
    assert!(matches!(JournalReader::open(directory.path()), Err(OpenError::NotAFile { .. })));

    append(&open(&path)?, 1..=3)?;
    let connection = Connection::open(&path)?;
    for (version, is_newer) in [(99, true), (0, false), (-1, false)] {
        connection.pragma_update(None, "user_version", version)?;
        match JournalReader::open(&path).expect_err("the version is unknown") {
            OpenError::Newer { found, .. } => assert!(is_newer && found == version),
            OpenError::Older { found, .. } => assert!(!is_newer && found == version),
            other => panic!("{other}"),
        }
    }
    Ok(())
}
