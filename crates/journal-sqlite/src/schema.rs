//! Versions of the file and how one becomes the next.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

use crate::{OpenError, error::is_corruption};

/// Marks the file as a journal; `file(1)` and SQLite's shell show it.
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"LkJn");

/// Marks the file as a copy of a journal. A relay that went on with one would give seqs again that
/// consumers have seen on other events, so it does not open them; it imports them.
pub(crate) const BACKUP_ID: i32 = i32::from_be_bytes(*b"LkJb");

/// Step n makes version n + 1 of version n; version 0 is an empty file.
pub(crate) const STEPS: &[&str] = &[include_str!("schema/1.sql")];

/// Every table with its columns: a file that lacks one is damaged.
pub(crate) const TABLES: &[(&str, &str)] = &[
    ("journal", "id"),
    ("event", "seq, received, latest, id, digest, checksum, frame"),
    ("taken_digest", "time, digest, seq"),
    ("taken_uuid", "signer, uuid"),
    ("prefix_last", "prefix, seq"),
    ("id_block", "block, id, offsets, checksum"),
    ("digest_block", "block, bucket, entries, checksum"),
];

/// Brings the file to the newest version, each step in a transaction of its own; `new_id` becomes
/// the id of a journal that is made here.
pub(crate) fn migrate(
    connection: &Connection,
    path: &Path,
    steps: &[&str],
    new_id: Uuid,
) -> Result<(), OpenError> {
    let setup_error = |error| setup_error(path, error);
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(setup_error)?;
    let done = usize::try_from(version).ok().filter(|done| *done <= steps.len());
    let Some(done) = done else {
        let (found, known) = (version, steps.len());
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    };
    for (number, step) in (1..).zip(steps).skip(done) {
        take_step(connection, number, step, new_id).map_err(setup_error)?;
    }
    Ok(())
}

fn take_step(
    connection: &Connection,
    number: i64,
    step: &str,
    new_id: Uuid,
) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Exclusive)?;
    transaction.execute_batch(step)?;
    if number == 1 {
        transaction.execute("INSERT INTO journal (id) VALUES (?1)", [new_id.as_bytes()])?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", number)?;
    transaction.commit()
}

/// An error of SQLite before the journal is known to be sound.
pub(crate) fn setup_error(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    if is_corruption(&error) {
        return OpenError::Damaged { path, source: error.into() };
    }
    OpenError::Setup { path, source: error }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn migrate(connection: &Connection, steps: &[&str]) -> Result<(), OpenError> {
        super::migrate(connection, Path::new("journal"), steps, ID)
    }

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_version_becomes_the_newest_and_keeps_its_rows() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, STEPS).unwrap();
        assert_eq!(version(&connection), 1);
        let insert = "INSERT INTO prefix_last (prefix, seq) VALUES ('_lk.', 5)";
        connection.execute_batch(insert).unwrap();

        let later = [STEPS[0], "ALTER TABLE prefix_last ADD COLUMN note TEXT", "SELECT 1"];
        migrate(&connection, &later).unwrap();
        assert_eq!(version(&connection), 3);
        let row = connection.query_row("SELECT seq, note FROM prefix_last", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?))
        });
        assert_eq!(row.unwrap(), (5, None));
        let ids: Vec<u8> =
            connection.query_row("SELECT id FROM journal", [], |row| row.get(0)).unwrap();
        assert_eq!(ids, ID.as_bytes());
        // Nothing is done twice.
        migrate(&connection, &later).unwrap();
        let known_before = migrate(&connection, STEPS).unwrap_err();
        assert!(matches!(known_before, OpenError::Newer { found: 3, known: 1, .. }));
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let connection = Connection::open_in_memory().unwrap();
        let broken = [STEPS[0], "CREATE TABLE half (a); SELECT no_such_column FROM half"];
        migrate(&connection, &broken).unwrap_err();
        assert_eq!(version(&connection), 1);
        assert!(connection.prepare("SELECT * FROM half").is_err());
        assert!(connection.prepare("SELECT * FROM event").is_ok());
    }

    #[test]
    fn every_table_of_the_newest_version_is_in_the_list() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, STEPS).unwrap();
        let mut select = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'");
        let select = select.as_mut().unwrap();
        let names = select.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let names: Vec<String> = names.map(Result::unwrap).collect();
        assert_eq!(names.len(), TABLES.len());
        for (table, columns) in TABLES {
            assert!(names.iter().any(|name| name == table));
            let all = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let all: Vec<&str> = all.column_names().collect();
            assert_eq!(all.join(", "), *columns);
        }
    }
}
