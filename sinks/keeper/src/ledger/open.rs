//! From a path to a ledger.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

/// Marks the file as ours.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"LkKp");
/// What each version adds to the one before it. A step that was released never changes.
const STEPS: [&str; 3] =
    [include_str!("schema.sql"), include_str!("schema-2.sql"), include_str!("schema-3.sql")];
const VERSION: i64 = 3;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is none.
    #[error("there is no ledger {}: keeper makes it when it first runs", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("could not make the ledger {}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It belongs to another program.
    #[error("{} is no ledger of keeper: name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later keeper wrote it.
    #[error("the ledger {} has version {found} and this keeper knows {VERSION}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// It is not what was written.
    #[error("the ledger {} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },
    /// SQLite could not read or write it.
    #[error("the ledger failed")]
    Sqlite(#[from] rusqlite::Error),
}

impl LedgerError {
    /// Whether the same may go well later: there is no room on the disk, or somebody else is at the
    /// ledger. All else is for somebody to mend.
    pub fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{
            DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, SystemIoFailure,
        };
        match self {
            Self::Sqlite(error) => error.sqlite_error_code().is_some_and(|code| {
                [DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, SystemIoFailure]
                    .contains(&code)
            }),
            Self::Make { source, .. } => {
                [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].contains(&source.kind())
            }
            _ => false,
        }
    }
}

pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let made = laniakea_files::open_with(options, path);
    drop(made.map_err(|source| LedgerError::Make { path: path.to_owned(), source })?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let is_new = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| explain(path, error))?;
    if is_new {
        make(&mut connection)?;
    }
    let found = check_kind(&connection, path)?;
    for (name, value) in [
        ("journal_mode", "WAL"),
        // What is committed is on disk.
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        ("cell_size_check", "ON"),
        ("trusted_schema", "OFF"),
    ] {
        connection.pragma_update(None, name, value)?;
    }
    migrate(&mut connection, found)?;
    connection.set_prepared_statement_cache_capacity(64);
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(LedgerError::Damaged { path: path.to_owned(), problem: verdict });
    }
    Ok(connection)
}

pub(super) fn in_memory() -> Result<Connection, LedgerError> {
    let mut connection = Connection::open_in_memory()?;
    make(&mut connection)?;
    Ok(connection)
}

fn make(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for step in STEPS {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Brings a ledger of an earlier keeper to our version, whole or not at all.
fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let missing = STEPS.iter().skip(usize::try_from(found).unwrap_or_default());
    if missing.len() == 0 {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    tracing::info!(from = found, to = VERSION, "the ledger was brought to this version");
    Ok(())
}

pub(super) fn open_to_read(path: &Path) -> Result<Connection, LedgerError> {
    if !path.is_file() {
        return Err(LedgerError::Absent { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    check_kind(&connection, path)?;
    Ok(connection)
}

/// Says its version.
fn check_kind(connection: &Connection, path: &Path) -> Result<i64, LedgerError> {
    let pragma = |name| {
        let value = connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.map_err(|error| explain(path, error))
    };
    if pragma("application_id")? != i64::from(APPLICATION_ID) {
        return Err(LedgerError::Foreign { path: path.to_owned() });
    }
    let found = pragma("user_version")?;
    if found > VERSION {
        return Err(LedgerError::Newer { path: path.to_owned(), found });
    }
    Ok(found)
}

fn explain(path: &Path, error: rusqlite::Error) -> LedgerError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => LedgerError::Foreign { path },
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            LedgerError::Damaged { path, problem: error.to_string() }
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_ledger_of_version_1_is_brought_to_ours_with_what_it_holds() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("keeper.sqlite");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(include_str!("schema.sql")).unwrap();
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute_batch(
            "INSERT INTO cursor VALUES (1, 'j', 7);
             INSERT INTO event VALUES (1, x'00', x'01', 5);
             INSERT INTO pending VALUES ('r', 'k', 1, 5);
             INSERT INTO run VALUES (3, 'r', 'k', 'failed', 1, 5, 6, NULL, 'x');",
        )
        .unwrap();
        // It can be looked at before.
        assert!(open_to_read(&path).is_ok());
        drop(old);
        for _ in 0..2 {
            let ledger = open(&path).unwrap();
            let one = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            assert_eq!(one("PRAGMA user_version"), VERSION);
            assert_eq!(one("SELECT seq FROM cursor"), 7);
            assert_eq!(one("SELECT count(*) FROM pending JOIN event ON event.id = event"), 1);
            assert_eq!(one("SELECT id FROM run WHERE state = 'failed'"), 3);
            assert_eq!(one("SELECT count(*) FROM watched"), 0);
            assert_eq!(one("SELECT count(*) FROM absence"), 0);
            assert_eq!(one("SELECT count(*) FROM outbox"), 0);
            assert_eq!(one("SELECT about = '' FROM run"), 1);
        }
    }

    #[test]
    fn a_ledger_that_somebody_else_is_at_or_for_which_there_is_no_room_may_be_usable_later() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("keeper.sqlite");
        let other = open(&path).unwrap();
        other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
        assert!(open(&path).unwrap_err().may_pass());
        drop(other);
        let mut whole = open(&path).unwrap();
        whole.pragma_update(None, "max_page_count", 1).unwrap();
        let more = "CREATE TABLE more AS SELECT randomblob(100000)";
        let full = whole.transaction().unwrap().execute_batch(more).unwrap_err();
        assert!(LedgerError::from(full).may_pass());
        drop(whole);
        std::fs::write(&path, "something else, long enough to be looked at").unwrap();
        assert!(!open(&path).unwrap_err().may_pass());
        assert!(!open(directory.path()).unwrap_err().may_pass());
    }

    #[test]
    fn a_ledger_of_a_later_keeper_is_left_alone() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("keeper.sqlite");
        open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert!(matches!(open(&path), Err(LedgerError::Newer { found, .. }) if found > VERSION));
        assert!(matches!(open_to_read(&path), Err(LedgerError::Newer { .. })));
    }
}
