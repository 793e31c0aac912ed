//! Connections that only read.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use laniakea_journal::JournalError;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::Damage;

/// As many connections are kept for the next reader; more are made when more read at once.
const KEPT: usize = 4;

/// Long enough for SQLite to recover the log after a crash of whoever else had it open.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The connections; in SQLite's write-ahead mode they and the writer never wait for each other.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    /// Reads at one moment of the journal.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Damage>,
    ) -> Result<T, JournalError> {
        let result = self.at_one_moment(read);
        result.map_err(|damage| damage.into_read_error(&self.path.display().to_string()))
    }

    fn at_one_moment<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Damage>,
    ) -> Result<T, Damage> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = kept.map_or_else(|| self.connect(), Ok)?;
        let moment = Transaction::new_unchecked(&connection, TransactionBehavior::Deferred)?;
        let result = read(&connection)?;
        // After an error the connection is not kept; the next reader makes a new one. What was read
        // before a part of the file that makes no sense is good, although SQLite says so once more.
        if moment.commit().is_err() {
            return Ok(result);
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        Ok(result)
    }

    pub(crate) fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "cache_size", -2048)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(connection)
    }
}
