//! What must survive a crash: the position in the stream, the events that wait, and every run.
//!
//! An event waits for its run from the transaction that takes it ([`Ledger::take`]) to the one that
//! starts the run ([`Ledger::start`]), so it is in exactly one batch. A run's attempt is committed
//! before anything is done, and its end after: an attempt without an end is one of which nobody
//! knows how it went, and [`Ledger::unfinished`] tells of it after a crash.

mod cursor;
mod finish;
mod history;
mod open;
mod outbox;
mod overruns;
mod start;
mod take;
mod watched;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use rusqlite::Connection;

pub use self::{
    cursor::LedgerCursor,
    finish::Verdict,
    history::{Attempt, RunFacts, RunTrail, State},
    open::LedgerError,
    outbox::Outgoing,
    overruns::Overruns,
    start::{Interrupted, Started, Waiting},
    take::{Arrival, Wanted},
    watched::{Absence, Adopted, KnownRule},
};

/// The database.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    voice: outbox::Voice,
}

impl Ledger {
    /// Opens the ledger, making it if there is none.
    ///
    /// # Errors
    ///
    /// See [`LedgerError`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { connection: open::open(path)?, voice: outbox::Voice::default() })
    }

    /// A ledger that ends with the process.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn in_memory() -> Result<Self, LedgerError> {
        Ok(Self { connection: open::in_memory()?, voice: outbox::Voice::default() })
    }

    /// Opens a ledger that is there, for looking at it only.
    ///
    /// # Errors
    ///
    /// It is not there, or none of ours.
    pub fn open_to_read(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { connection: open::open_to_read(path)?, voice: outbox::Voice::default() })
    }
}

/// A ledger that the cursor and the stages share.
#[derive(Debug, Clone)]
pub struct SharedLedger(Arc<Mutex<Ledger>>);

impl SharedLedger {
    /// Shares a ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self(Arc::new(Mutex::new(ledger)))
    }

    /// The ledger, once nobody else works with it.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic in a transaction rolled it back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}
