//! Why a journal cannot be opened, and what SQLite's errors mean to a relay.

use std::{io, path::PathBuf};

use laniakea_event::Seq;
use laniakea_journal::JournalError;
use rusqlite::{ErrorCode, ffi};

/// The journal cannot be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file, or the directory that it is to be made in, cannot be used.
    #[error("could not open the journal {}", path.display())]
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite could not open, make or migrate it, for want of space or rights.
    #[error("could not set up the journal {}", path.display())]
    Setup {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The path is a directory or a device.
    #[error("the journal {} is no regular file: name a file that exists or may be made", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is no SQLite file, so no journal: name another file or move it away", path.display())]
    NotSqlite {
        /// The file.
        path: PathBuf,
    },
    /// An SQLite file of another program.
    #[error(
        "{} belongs to another program (application id {application_id:#010x}): name another file",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        application_id: i32,
    },
    /// A copy that `lighthouse backup` made.
    #[error(
        "{} is a backup: bring its events into a new journal with `lighthouse import`",
        path.display()
    )]
    Backup {
        /// The file.
        path: PathBuf,
    },
    /// An earlier version of the relay wrote it, and whoever only reads does not change it.
    #[error(
        "the journal {} has version {found}, and {known} can be read: start the relay once",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version known here.
        known: usize,
    },
    /// A later version of the relay wrote it.
    #[error(
        "the journal {} has version {found} and this relay knows {known}: run the newer relay",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version known here.
        known: usize,
    },
    /// Another process has it open.
    #[error("the journal {} is in use: stop the relay that uses it", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file system lacks what a write-ahead log needs, as those of a network do.
    #[error("the journal {} cannot have a write-ahead log: put it on a local disk", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
    },
    /// It is not what was written.
    #[error(
        "the journal {} is damaged: restore it from a backup, or move it away to begin a new one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// SQLite cannot make sense of the file.
    #[error("SQLite cannot read it")]
    Sqlite(#[from] rusqlite::Error),
    /// SQLite's own check found something.
    #[error("SQLite's check says: {0}")]
    Check(String),
    /// The end of the file is missing.
    #[error("the file has {found} bytes instead of {expected}")]
    Length {
        /// How long it should be.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// The journal's id is not there, or not once.
    #[error("it has no id")]
    Id,
    /// Two tables contradict each other.
    #[error("its events do not end with {last}, which it calls the last one")]
    Bounds {
        /// The last event by the table of prefixes.
        last: Seq,
    },
    /// The digests that were taken are not those of the events.
    #[error("the digests of {missing} events are not among those that were taken")]
    Taken {
        /// Of how many events.
        missing: u64,
    },
    /// The write-ahead log lost transactions that had been committed.
    #[error("its log (-wal) has {found} pages that hold, of {committed} that were committed")]
    Log {
        /// So many pages at its beginning hold.
        found: u32,
        /// At least so many were committed.
        committed: u32,
    },
    /// The write-ahead log's first bytes are not what was written.
    #[error("the header of its log (-wal) is damaged")]
    LogHeader,
    /// One event is not what was written.
    #[error("event {seq} is damaged: {what}")]
    Event {
        /// Which one.
        seq: Seq,
        /// What is wrong with it.
        what: EventDamage,
    },
    /// The index of a block is not what was written.
    #[error("the index of block {block} is damaged")]
    Index {
        /// Which block.
        block: u64,
    },
}

/// What is wrong with one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventDamage {
    /// It is not there, although its neighbours are.
    #[error("it is missing")]
    Missing,
    /// A column does not hold what it should.
    #[error("its {0} is malformed")]
    Column(&'static str),
    /// Some bit differs from what was written.
    #[error("its checksum does not hold")]
    Checksum,
    /// SQLite cannot make sense of the part of the file that it stands in.
    #[error("SQLite cannot read it")]
    Unreadable,
    /// The index says that it has another id.
    #[error("its id is not the one in the index")]
    Id,
}

impl Damage {
    /// Whether what stands in the file is wrong, rather than the disk or the machine.
    pub(crate) fn is_of_file(&self) -> bool {
        match self {
            Self::Sqlite(error) => is_corruption(error),
            _ => true,
        }
    }

    /// What reading met: damage of one event, of the whole, or a disk that fails.
    pub(crate) fn into_read_error(self, journal: &str) -> JournalError {
        let journal = journal.to_owned();
        match self {
            Self::Event { seq, what } => {
                JournalError::DamagedEvent { journal, seq, source: what.into() }
            }
            Self::Sqlite(error) if !is_corruption(&error) => {
                JournalError::Read { journal, source: error.into() }
            }
            damage => JournalError::Damaged { journal, source: damage.into() },
        }
    }

    /// What appending met, its transaction having been rolled back.
    pub(crate) fn into_write_error(self, journal: &str) -> JournalError {
        let journal = journal.to_owned();
        match self {
            Self::Sqlite(error) if is_full(&error) => {
                JournalError::Full { journal, source: error.into() }
            }
            Self::Sqlite(error) if is_busy(&error) => {
                JournalError::Busy { journal, source: error.into() }
            }
            Self::Sqlite(error) if !is_corruption(&error) => {
                JournalError::Write { journal, source: error.into() }
            }
            damage => JournalError::Damaged { journal, source: damage.into() },
        }
    }
}

/// Whether a write failed for want of space, before anything was synced.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    // The index of the write-ahead log grows before the log itself does, and SQLite has no code
    // of its own for a disk that is too full for that.
    let is_log_index =
        error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
    is_log_index || error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// Whether the file, rather than the disk or the machine, is at fault.
pub(crate) fn is_corruption(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => {
            matches!(
                code,
                // An unknown table or column is the generic error.
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
            )
        }
        // Not SQLite but its Rust side: a column of a wrong type, an integer out of range.
        None => true,
    }
}
