//! Signed events on their way to the relay, and those that it will never take.

use jiff::Timestamp;
use laniakea_event::SignedEvent;
use rusqlite::{Connection, params};

use super::{Store, StoreError};

/// An event that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its place in the queue.
    pub position: i64,
    /// Its digest.
    pub digest: String,
    /// Its final bytes.
    pub event: Vec<u8>,
}

/// An event that the relay will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    /// Its digest.
    pub digest: String,
    /// The relay's reason.
    pub reason: String,
    /// The relay's explanation.
    pub detail: String,
}

/// Appends events; part of the transaction that moves a suite on.
pub(super) fn put(connection: &Connection, events: &[SignedEvent]) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO outbox (digest, event) VALUES (?1, ?2)")?;
    for event in events {
        insert.execute(params![event.digest().to_string(), event.bytes()])?;
    }
    Ok(())
}

impl Store {
    /// The first events of the outbox, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn pending(&self, limit: u32) -> Result<Vec<Pending>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT position, digest, event FROM outbox ORDER BY position LIMIT ?1",
        )?;
        let rows = query.query_map([limit], |row| {
            Ok(Pending { position: row.get(0)?, digest: row.get(1)?, event: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many events are waiting.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn pending_count(&self) -> Result<u32, StoreError> {
        Ok(self.connection.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?)
    }

    /// Forgets the events up to and including `position`: the relay has them on its disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`]; they will be sent again, which does no harm.
    pub fn sent(&self, position: i64) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM outbox WHERE position <= ?1", [position])?;
        Ok(())
    }

    /// Moves an event out of the way that the relay will never take.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`]; it stays in the outbox then.
    pub fn set_aside(
        &mut self,
        pending: &Pending,
        reason: &str,
        detail: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO rejected SELECT position, digest, event, ?2, ?3, ?4
             FROM outbox WHERE position = ?1",
            params![pending.position, reason, detail, now.as_second()],
        )?;
        transaction.execute("DELETE FROM outbox WHERE position = ?1", [pending.position])?;
        Ok(transaction.commit()?)
    }

    /// The events that were set aside, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn rejected(&self) -> Result<Vec<RejectedEvent>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT digest, reason, detail FROM rejected ORDER BY position")?;
        let rows = query.query_map([], |row| {
            Ok(RejectedEvent { digest: row.get(0)?, reason: row.get(1)?, detail: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
