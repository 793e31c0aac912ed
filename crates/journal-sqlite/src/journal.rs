//! The journal as the relay holds it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use jiff::Timestamp;
use laniakea_event::{Digest, Seq, SignerId};
use laniakea_journal::{
    Appended, Bounds, Budget, Entry, Journal, JournalError, Page, Query, StoredEvent,
};
use uuid::Uuid;

use crate::{
    OpenError, find,
    lock::FileLock,
    open::{self, Opened},
    page, position,
    readers::Readers,
    writer::Writer,
};

/// A journal in an SQLite file. It is closed when it is dropped.
pub struct SqliteJournal {
    path: PathBuf,
    id: Uuid,
    // Dropped in this order: the last connection to close puts the log back into the file, which
    // one that only reads could not, and the lock is held until then.
    readers: Readers,
    writer: Mutex<Writer>,
    _lock: FileLock,
}

impl SqliteJournal {
    /// Opens the journal in this file, or makes it if the file is empty or not there.
    ///
    /// `relay` is the name that notes will bear; `new_id` becomes the id of a journal that is
    /// made and is otherwise not used.
    pub fn open(path: &Path, relay: SignerId, new_id: Uuid) -> Result<Self, OpenError> {
        let Opened { path, id, writer, readers, lock } = open::open(path, relay, new_id)?;
        Ok(Self { path, id, readers, writer: Mutex::new(writer), _lock: lock })
    }

    /// The file, by its one real name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in the middle of a transaction rolled it back, and the writer's state changes
        // only after a commit.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqliteJournal")
            .field("path", &self.path)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Journal for SqliteJournal {
    fn id(&self) -> Uuid {
        self.id
    }

    fn append(&self, group: Vec<Entry>) -> Result<Vec<Appended>, JournalError> {
        self.writer().append(&group)
    }

    fn read(&self, query: &Query) -> Result<Page, JournalError> {
        self.readers.read(|connection| page::read(connection, query))
    }

    fn find(&self, digest: &Digest) -> Result<Option<StoredEvent>, JournalError> {
        self.readers.read(|connection| find::by_digest(connection, digest))
    }

    fn position_at(&self, time: Timestamp, budget: Budget) -> Result<Seq, JournalError> {
        self.readers.read(|connection| position::at(connection, time, budget))
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        self.readers.read(position::bounds)
    }

    fn prune(&self, before: Timestamp) -> Result<u64, JournalError> {
        let up_to = self.position_at(before, Budget::UNLIMITED)?;
        let mut total = 0;
        loop {
            let start = Instant::now();
            let removed = self.writer().prune_some(up_to)?;
            if removed == 0 {
                return Ok(total);
            }
            total += removed;
            // A lock that is taken again at once is seldom given to those who wait for it: let
            // them have as much time as this took.
            thread::sleep(start.elapsed());
        }
    }
}
