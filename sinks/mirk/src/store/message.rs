//! Third transaction: what becomes of a message on its way to the homeserver.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, millis, time};

/// A message that is to be sent.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its row.
    pub row: i64,
    /// The transaction id.
    pub txn: String,
    /// The content, as JSON.
    pub content: String,
    /// When it was tried first, and as which device.
    pub attempted: Option<(Timestamp, String)>,
}

impl Store {
    /// The room's oldest message that is neither sent nor set aside.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn pending(&self, room: &str) -> Result<Option<Pending>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, txn, content, attempted, device FROM message
             WHERE room = ? AND sent IS NULL AND problem IS NULL ORDER BY id LIMIT 1",
        )?;
        let row = statement.query_row([room], |row| {
            let at: Option<i64> = row.get(3)?;
            let device: Option<String> = row.get(4)?;
            Ok(Pending {
                row: row.get(0)?,
                txn: row.get(1)?,
                content: row.get(2)?,
                attempted: at.map(|at| (time(at), device.unwrap_or_default())),
            })
        });
        Ok(row.optional()?)
    }

    /// Notes that a message is about to be sent for the first time. From here on the homeserver may
    /// have it.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn attempting(&self, row: i64, device: &str, now: Timestamp) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE message SET attempted = ?, device = ? WHERE id = ?")?
            .execute(params![millis(now), device, row])?;
        Ok(())
    }

    /// Notes that the homeserver has a message.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn sent(
        &self,
        row: i64,
        room_id: &str,
        event_id: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE message SET sent = ?, room_id = ?, event_id = ? WHERE id = ?")?
            .execute(params![millis(now), room_id, event_id, row])?;
        Ok(())
    }

    /// Whether a message of ours is known to have this id.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn is_sent(&self, event_id: &str) -> Result<bool, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT 1 FROM message WHERE event_id = ?")?;
        Ok(statement.exists([event_id])?)
    }

    /// Sets a message aside that the homeserver will never take.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn set_aside(&self, row: i64, problem: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE message SET problem = ? WHERE id = ?")?
            .execute(params![problem, row])?;
        Ok(())
    }
}
