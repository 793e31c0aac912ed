//! What must survive a crash: the position in the stream, the events that rooms wait for, the
//! messages they became, and what rooms were told by command.
//!
//! Three transactions carry an event from the stream to a room. [`Store::take`] keeps a batch of
//! events, for each room that wants one an entry, and the position. [`Store::compose`] turns
//! entries into messages in their final form. [`Store::sent`] notes what the homeserver calls
//! them. A crash before any of them repeats the step, a crash after it does not: events are known
//! by their digest, messages by their transaction id.

mod compose;
mod costly;
mod cursor;
mod device;
mod history;
mod message;
mod prune;
mod room;
mod schema;
mod subscription;
mod take;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use rusqlite::Connection;

pub use self::{
    compose::Composed,
    costly::Costly,
    cursor::StoreCursor,
    device::Device,
    history::{Fate, Happened, Trail},
    message::Pending,
    room::RoomState,
    schema::StoreError,
    subscription::{Subscribed, Subscription},
    take::{Arrival, Wanted},
};

/// The database. One connection writes; `mirk why` reads beside it.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the database, making it if there is none.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]: a file that is damaged, foreign or newer is never touched.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open(path)? })
    }

    /// Opens a database that is there, for looking at it only.
    ///
    /// # Errors
    ///
    /// It is not there, or no database of ours.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: schema::open_to_read(path)? })
    }

    /// A database that ends with the process.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self { connection: schema::in_memory()? })
    }
}

/// A store that several tasks use.
#[derive(Debug, Clone)]
pub struct SharedStore(Arc<Mutex<Store>>);

impl SharedStore {
    /// Shares a store.
    pub fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// Works with the store on a thread that may wait for the disk.
    ///
    /// # Errors
    ///
    /// What the work returns, or that it panicked.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut this.lock())).await;
        done.unwrap_or(Err(StoreError::Panicked))
    }

    /// The store, for a thread that may wait for the disk.
    pub fn lock(&self) -> MutexGuard<'_, Store> {
        // A panic elsewhere left it as its last transaction did.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Times as the database has them.
fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
