//! Versions of the file and how one becomes the next.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

use crate::{OpenError, error::is_corruption};

/// Marks the file as a journal; `file(1)` and SQLite's shell show it.
pub(crate) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"LkJn");

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
