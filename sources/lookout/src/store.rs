//! What must survive a crash: what was seen of each suite, and the events that are not sent yet.
//!
//! One transaction moves the state of a suite and puts the events that tell of it, signed and in
//! their final bytes, into the outbox. So there is no moment at which a change is known and not
//! announced, or announced and not known: a crash before it repeats the look, a crash after it
//! repeats the sending, and the relay knows an event that it has by its digest.

mod outbox;
mod rows;
mod schema;
mod suites;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use laniakea_daemon::{DataDirLock, LockError};
use rusqlite::Connection;

pub use self::{
    outbox::{Pending, RejectedEvent},
    suites::Indexes,
};

const DATABASE: &str = "lookout.sqlite";

/// The state and the outbox, in one `SQLite` database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// Held as long as the store is open: two of us would announce everything twice.
    _lock: DataDirLock,
}

/// A store that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory, or another lookout is at work in it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file belongs to another program.
    #[error("{} is no database of lookout", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The file is of a later lookout.
    #[error("{} was written by a newer lookout (schema {found}, this one knows {known})", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file is damaged.
    #[error("{} is damaged: {detail}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What `SQLite` says.
        detail: String,
    },
    /// The database does not do as it is told.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
}

impl Store {
    /// Opens the store in `data_dir`, making it if there is none.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]: a file that is damaged, foreign or newer is never touched.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let lock = DataDirLock::take(data_dir, "lookout")?;
        let connection = schema::open(&data_dir.join(DATABASE))?;
        Ok(Self { connection, _lock: lock })
    }
}

/// Locks a shared store. A panic elsewhere left it as its last transaction did.
pub fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
