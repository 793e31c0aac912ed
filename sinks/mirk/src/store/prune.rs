//! What nobody asks for any more.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use super::{Store, StoreError, millis};

/// `!mirk why` knows messages for so long.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);
/// `!mirk last` and `!mirk find` know so many events at least.
const EVENTS: i64 = 20_000;

impl Store {
    /// Removes old messages with their events, and events that no room waits for beyond the newest.
    /// What was handled is never forgotten, and what waits or was set aside stays.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing was removed.
    pub fn prune(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let before = millis(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN));
        let transaction = self.connection.transaction()?;
        // A story that still goes on would lose its message: its steps are kept as long.
        transaction.execute(
            "DELETE FROM story WHERE root IN (SELECT id FROM message WHERE sent < ?)",
            [before],
        )?;
        transaction.execute(
            "DELETE FROM entry WHERE message IN (SELECT id FROM message WHERE sent < ?)",
            [before],
        )?;
        transaction.execute("DELETE FROM message WHERE sent < ?", [before])?;
        transaction.execute(
            "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?
                 AND NOT EXISTS (SELECT 1 FROM entry WHERE entry.event = event.id)",
            params![EVENTS],
        )?;
        Ok(transaction.commit()?)
    }
}
