//! The tables, and what is checked before they are used.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::StoreError;

/// "lkot"
const APPLICATION_ID: i64 = 0x6c6b_6f74;
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE suite (
    id INTEGER PRIMARY KEY,
    archive TEXT NOT NULL,
    name TEXT NOT NULL,
    release_sha256 BLOB NOT NULL,
    codename TEXT,
    date INTEGER NOT NULL,          -- Unix seconds, as are all times here
    valid_until INTEGER,
    url TEXT NOT NULL,              -- of the validators that follow
    etag TEXT,
    last_modified TEXT,
    UNIQUE (archive, name)
) STRICT;

CREATE TABLE suite_index (
    id INTEGER PRIMARY KEY,
    suite INTEGER NOT NULL REFERENCES suite ON DELETE CASCADE,
    component TEXT NOT NULL,
    architecture TEXT NOT NULL,     -- or 'source'
    sha256 BLOB,                    -- NULL: watched, and the suite does not have it
    UNIQUE (suite, component, architecture)
) STRICT;

CREATE TABLE source_entry (
    suite_index INTEGER NOT NULL REFERENCES suite_index ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    maintainer TEXT,
    section TEXT,
    PRIMARY KEY (suite_index, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE binary_entry (
    suite_index INTEGER NOT NULL REFERENCES suite_index ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    architecture TEXT NOT NULL,
    source TEXT NOT NULL,
    source_version TEXT NOT NULL,
    maintainer TEXT,
    section TEXT,
    PRIMARY KEY (suite_index, position)
) STRICT, WITHOUT ROWID;

-- Events in the order in which they are to be sent, in their final bytes.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL,
    event BLOB NOT NULL
) STRICT;

-- Events that the relay will never take.
CREATE TABLE rejected (
    position INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    event BLOB NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    time INTEGER NOT NULL
) STRICT;
";

/// Opens the database at `path`, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let mut connection = Connection::open(path)?;
    let application_id = match number(&connection, "PRAGMA application_id") {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Err(foreign());
        }
        other => other?,
    };
    let version = number(&connection, "PRAGMA user_version")?;
    let tables = number(&connection, "SELECT count(*) FROM sqlite_schema")?;
    match (application_id, version, tables) {
        (0, 0, 0) => create(&mut connection)?,
        (APPLICATION_ID, VERSION, _) => check(&connection, path)?,
        (APPLICATION_ID, found, _) => {
            return Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION });
        }
        _ => return Err(foreign()),
    }
    // A commit that returns is on the disk.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )?;
    Ok(connection)
}

fn create(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let damaged = |detail| StoreError::Damaged { path: path.to_owned(), detail };
    let detail = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match detail {
        Ok(detail) if detail == "ok" => Ok(()),
        Ok(detail) => Err(damaged(detail)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            Err(damaged(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

fn number(connection: &Connection, query: &str) -> rusqlite::Result<i64> {
    connection.query_row(query, [], |row| row.get(0))
}
