//! The tables, and what is checked before they are used.

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use laniakea_wire::subscription::InvalidPosition;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// "mirk"
const APPLICATION_ID: i64 = 0x6d69_726b;
const VERSION: i64 = 1;
const TABLES: &str = include_str!("schema.sql");

/// `mirk why` reads beside a running bot; neither keeps the other waiting for longer.
const BUSY: Duration = Duration::from_secs(10);

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be made.
    #[error("could not make the database {}", path.display())]
    Create {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no file.
    #[error("there is no database {}", path.display())]
    Absent {
        /// Which file.
        path: PathBuf,
    },
    /// The file belongs to another program.
    #[error("{} is no database of mirk", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file is of a later mirk.
    #[error("{} was written by a newer mirk (schema {found}, this one knows {VERSION})", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// The file is damaged.
    #[error("the database {} is damaged: {detail}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What `SQLite` says.
        detail: String,
    },
    /// The position in it is none.
    #[error("the position in the database is damaged")]
    Position(#[from] InvalidPosition),
    /// The database does not do as it is told.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
    /// A thread that was at work on it panicked.
    #[error("the work on the database failed")]
    Panicked,
}

pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    create_file(path)?;
    check_header(path)?;
    let mut connection = Connection::open(path)?;
    prepare(&connection)?;
    // Before anything is set that the file would remember: it may be somebody else's.
    let identity = identify(&connection, path)?;
    if identity == Identity::Ours {
        check(&connection, path)?;
    }
    // The SQLite that the Matrix SDK brings is one of those whose write-ahead log can lose a
    // commit; with one writer the rollback journal costs little.
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    if identity == Identity::Empty {
        create(&mut connection)?;
    }
    super::costly::begin(&connection)?;
    Ok(connection)
}

pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    if !path.is_file() {
        return Err(StoreError::Absent { path: path.to_owned() });
    }
    check_header(path)?;
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    prepare(&connection)?;
    match identify(&connection, path)? {
        Identity::Ours => Ok(connection),
        Identity::Empty => Err(StoreError::Absent { path: path.to_owned() }),
    }
}

pub(super) fn in_memory() -> Result<Connection, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    prepare(&connection)?;
    create(&mut connection)?;
    Ok(connection)
}

/// What people are told in rooms that are encrypted is nobody else's business.
fn create_file(path: &Path) -> Result<(), StoreError> {
    let mut options = fs::OpenOptions::new();
    let file = laniakea_files::open_with(options.append(true).create(true).mode(0o600), path);
    file.map(drop).map_err(|source| StoreError::Create { path: path.to_owned(), source })
}

/// A short file of another kind is an empty database to `SQLite`, which would write over it.
fn check_header(path: &Path) -> Result<(), StoreError> {
    let mut header = Vec::new();
    let file = laniakea_files::open(path).and_then(|file| file.take(16).read_to_end(&mut header));
    file.map_err(|source| StoreError::Create { path: path.to_owned(), source })?;
    match &header[..] {
        b"" | b"SQLite format 3\0" => Ok(()),
        _ => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

#[derive(PartialEq, Eq)]
enum Identity {
    Empty,
    Ours,
}

fn identify(connection: &Connection, path: &Path) -> Result<Identity, StoreError> {
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let number = |query: &str| {
        number(connection, query).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => foreign(),
            Some(ErrorCode::DatabaseCorrupt) => {
                StoreError::Damaged { path: path.to_owned(), detail: error.to_string() }
            }
            _ => error.into(),
        })
    };
    let application_id = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application_id, version, tables) {
        (0, 0, 0) => Ok(Identity::Empty),
        (APPLICATION_ID, VERSION, _) => Ok(Identity::Ours),
        (APPLICATION_ID, found, _) if found > VERSION => {
            Err(StoreError::Newer { path: path.to_owned(), found })
        }
        _ => Err(foreign()),
    }
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
