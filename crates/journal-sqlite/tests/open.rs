//! What opening a journal accepts, refuses and says.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{error::Error, fs, os::unix::fs::symlink, path::Path};

use laniakea_journal::{
    Appended, Entry, Journal,
    conformance::fixture::{self, event},
};
use laniakea_journal_sqlite::{Damage, OpenError, SqliteJournal};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

type Test = Result<(), Box<dyn Error>>;

const ID: Uuid = Uuid::from_u128(42);

fn open(path: &Path) -> Result<SqliteJournal, OpenError> {
    SqliteJournal::open(path, fixture::relay(), ID)
}

fn entries(numbers: std::ops::Range<u64>) -> Vec<Entry> {
    numbers.map(|number| event("_lk.core.ping", number).entry()).collect()
}

/// The refusal of this file, which must name it and say what to do, and leave it as it was.
#[track_caller]
fn refusal(path: &Path, expected: &str) -> OpenError {
    let before = fs::read(path).ok();
    let error = open(path).expect_err("it must not open");
    let message = error.to_string();
    assert!(message.contains(&path.display().to_string()), "{message} does not name the file");
    assert!(message.contains(expected), "{message}");
    assert_eq!(fs::read(path).ok(), before, "the file has changed");
    error
}

#[test]
fn a_file_that_is_not_there_becomes_a_journal() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal.sqlite");
    assert_eq!(open(&path)?.id(), ID);
    // The next id is not needed any more.
    let again = SqliteJournal::open(&path, fixture::relay(), Uuid::from_u128(43))?;
    assert_eq!(again.id(), ID);
    assert_eq!(again.path(), fs::canonicalize(&path)?);
    Ok(())
}

#[test]
fn an_empty_file_becomes_a_journal() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal.sqlite");
    fs::write(&path, "")?;
    let journal = open(&path)?;
    assert_eq!(journal.append(entries(0..3))?.len(), 3);
    Ok(())
}

#[test]
fn a_text_is_refused() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("notes");
    for content in ["x", "SQLite format 3\0", &"not a journal at all. ".repeat(100)] {
        fs::write(&path, content)?;
        let error = refusal(&path, "is no SQLite file, so no journal: name another file");
        assert!(matches!(error, OpenError::NotSqlite { .. }));
    }
    assert!(!directory.path().join("notes-wal").exists());
    Ok(())
}

#[test]
fn an_sqlite_file_of_another_program_is_refused() -> Test {
    let directory = TempDir::new()?;
    for application_id in [0, 7, -1] {
        let path = directory.path().join(format!("other{application_id}"));
        let other = Connection::open(&path)?;
        other.pragma_update(None, "application_id", application_id)?;
        other.execute_batch("CREATE TABLE event (seq INTEGER PRIMARY KEY)")?;
        other.close().map_err(|(_, error)| error)?;
        let error = refusal(&path, "belongs to another program");
        assert!(
            matches!(error, OpenError::Foreign { application_id: id, .. } if id == application_id)
        );
    }
    Ok(())
}

#[test]
fn a_directory_is_refused() -> Test {
    let directory = TempDir::new()?;
    let path = fs::canonicalize(directory.path())?;
    assert!(matches!(refusal(&path, "is no regular file"), OpenError::NotAFile { .. }));
    assert!(!path.with_extension("lock").exists());
    Ok(())
}

#[test]
fn a_path_that_leads_nowhere_is_refused() -> Test {
    let directory = TempDir::new()?;
    let error = refusal(&directory.path().join("no/such/journal"), "could not open the journal");
    assert!(error.source().is_some_and(|cause| cause.to_string().contains("No such file")));
    fs::write(directory.path().join("file"), "")?;
    refusal(&directory.path().join("file/journal"), "could not open the journal");
    refusal(Path::new("/"), "is no regular file");
    Ok(())
}

#[test]
fn a_journal_in_use_is_refused_by_whatever_name() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal.sqlite");
    let journal = open(&path)?;
    let alias = directory.path().join("alias");
    symlink(&path, &alias)?;
    for name in [&path, &alias] {
        let error = open(name).expect_err("it is in use");
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
        assert!(error.to_string().ends_with("is in use: stop the relay that uses it"));
    }
    journal.append(entries(0..1))?;
    drop(journal);
    assert_eq!(open(&alias)?.bounds()?.last.0, 1);
    Ok(())
}

#[test]
fn a_newer_version_is_refused() -> Test {
    let directory = TempDir::new()?;
    let path = fs::canonicalize(directory.path())?.join("journal.sqlite");
    drop(open(&path)?);
    for version in [2, 77, -1] {
        Connection::open(&path)?.pragma_update(None, "user_version", version)?;
        let error = refusal(&path, "run the newer relay");
        assert!(matches!(error, OpenError::Newer { found, known: 1, .. } if found == version));
    }
    Connection::open(&path)?.pragma_update(None, "user_version", 1)?;
    open(&path)?;
    Ok(())
}

/// A journal of some events, closed, after this SQL was run on it.
fn tampered(directory: &TempDir, sql: &str) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let path = fs::canonicalize(directory.path())?.join("journal.sqlite");
    let journal = open(&path)?;
    for start in (0..300).step_by(100) {
        journal.append(entries(start..start + 100))?;
    }
    drop(journal);
    let other = Connection::open(&path)?;
    other.execute_batch(sql)?;
    other.pragma_query_value(None, "wal_checkpoint", |_| Ok(()))?;
    other.close().map_err(|(_, error)| error)?;
    Ok(path)
}

#[track_caller]
fn damage(path: &Path) -> Damage {
    match refusal(path, "is damaged: restore it from a backup, or move it away") {
        OpenError::Damaged { source, .. } => source,
        other => panic!("not called damaged: {other}"),
    }
}

#[test]
fn a_journal_without_a_table_or_a_column_is_damaged() -> Test {
    for sql in [
        "DROP TABLE event",
        "DROP TABLE digest_block",
        "DROP TABLE prefix_last",
        "ALTER TABLE taken_uuid RENAME COLUMN uuid TO other",
        "ALTER TABLE id_block RENAME COLUMN checksum TO other",
    ] {
        let directory = TempDir::new()?;
        let damage = damage(&tampered(&directory, sql)?);
        assert!(matches!(damage, Damage::Sqlite(_)), "{sql}: {damage}");
    }
    Ok(())
}

#[test]
fn a_journal_without_exactly_one_id_is_damaged() -> Test {
    for sql in [
        "DELETE FROM journal",
        "INSERT INTO journal (id) VALUES (x'00')",
        "UPDATE journal SET id = x'0011'",
    ] {
        let directory = TempDir::new()?;
        assert!(matches!(damage(&tampered(&directory, sql)?), Damage::Id), "{sql}");
    }
    Ok(())
}

#[test]
fn a_journal_whose_tables_contradict_each_other_is_damaged() -> Test {
    for sql in [
        "DELETE FROM event WHERE seq = 300",
        "UPDATE prefix_last SET seq = 299 WHERE prefix = ''",
        "UPDATE prefix_last SET seq = -3 WHERE prefix = ''",
        "DELETE FROM prefix_last WHERE prefix = ''",
        "UPDATE event SET seq = 0 WHERE seq = 1",
        "UPDATE event SET seq = -9223372036854775808 WHERE seq = 1",
        "UPDATE prefix_last SET seq = 9223372036854775807 WHERE prefix = ''",
    ] {
        let directory = TempDir::new()?;
        assert!(matches!(damage(&tampered(&directory, sql)?), Damage::Bounds { .. }), "{sql}");
    }
    Ok(())
}

#[test]
fn the_newest_and_some_of_all_events_are_looked_at() -> Test {
    for (sql, expected) in [
        (
            "UPDATE event SET frame = x'00' WHERE seq = 300",
            "event 300 is damaged: its checksum does not hold",
        ),
        (
            "UPDATE event SET received = received + 1 WHERE seq = 299",
            "event 299 is damaged: its checksum does not hold",
        ),
        (
            "UPDATE event SET digest = x'00' WHERE seq = 250",
            "event 250 is damaged: its digest is malformed",
        ),
        ("UPDATE event SET id = 'ping' WHERE seq = 1", "event 1 is damaged: its id is malformed"),
        ("DELETE FROM event WHERE seq = 299", "event 299 is damaged: it is missing"),
        ("UPDATE event SET id = ''", "event 1 is damaged: its id is malformed"),
    ] {
        let directory = TempDir::new()?;
        assert_eq!(damage(&tampered(&directory, sql)?).to_string(), expected);
    }
    Ok(())
}

#[test]
fn a_file_cut_short_is_damaged() -> Test {
    let directory = TempDir::new()?;
    let path = tampered(&directory, "")?;
    let whole = fs::read(&path)?;
    for pages in [1, 2, 10, whole.len() / 4096 - 1] {
        fs::write(&path, &whole[..pages * 4096])?;
        damage(&path);
    }
    fs::write(&path, &whole[..whole.len() - 1])?;
    damage(&path);
    fs::write(&path, whole)?;
    open(&path)?;
    Ok(())
}

#[test]
fn what_was_acknowledged_is_there_when_the_process_is_killed() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal.sqlite");
    let journal = open(&path)?;
    for start in 0..20 {
        journal.append(entries(start * 10..start * 10 + 10))?;
        // A killed process leaves its files as they are, and the rest of its memory is gone.
        let left = directory.path().join(format!("left{start}"));
        fs::copy(&path, &left)?;
        fs::copy(directory.path().join("journal.sqlite-wal"), left.with_extension("-wal"))?;
        fs::rename(left.with_extension("-wal"), format!("{}-wal", left.display()))?;
        let left = open(&left)?;
        assert_eq!(left.bounds()?.last.0, start * 10 + 10);
        for outcome in left.append(entries(0..start * 10 + 10))? {
            assert!(matches!(outcome, Appended::Duplicate { .. }), "{outcome:?}");
        }
    }
    Ok(())
}

#[test]
fn a_torn_log_leaves_whole_groups() -> Test {
    let directory = TempDir::new()?;
    let path = directory.path().join("journal.sqlite");
    let journal = open(&path)?;
    for start in 0..12 {
        journal.append(entries(start * 7..start * 7 + 7))?;
    }
    let log = fs::read(directory.path().join("journal.sqlite-wal"))?;
    for part in 0..40 {
        let left = directory.path().join(format!("left{part}"));
        fs::copy(&path, &left)?;
        fs::write(format!("{}-wal", left.display()), &log[..log.len() * part / 40])?;
        let left = open(&left)?;
        assert_eq!(left.bounds()?.last.0 % 7, 0);
        left.append(entries(0..84))?;
        assert_eq!(left.bounds()?.last.0, 84);
    }
    Ok(())
}
