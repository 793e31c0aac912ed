//! What is known of a room beside its configuration.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, millis, time};

/// How things stand with a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomState {
    /// Where its messages go now.
    pub room_id: Option<String>,
    /// Until when it is muted.
    pub muted_until: Option<Timestamp>,
    /// How many events wait for it.
    pub waiting: usize,
    /// How many messages are not sent yet.
    pub unsent: usize,
    /// How many messages the homeserver would not take.
    pub set_aside: usize,
    /// When a message was sent last.
    pub last_sent: Option<Timestamp>,
}

impl Store {
    /// How things stand with a room.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn room(&self, name: &str) -> Result<RoomState, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT (SELECT room_id FROM room WHERE name = ?1),
                 (SELECT muted_until FROM room WHERE name = ?1),
                 (SELECT count(*) FROM entry WHERE room = ?1 AND message IS NULL),
                 (SELECT count(*) FROM message
                  WHERE room = ?1 AND sent IS NULL AND problem IS NULL),
                 (SELECT count(*) FROM message WHERE room = ?1 AND problem IS NOT NULL),
                 (SELECT max(sent) FROM message WHERE room = ?1)",
        )?;
        Ok(statement.query_row([name], |row| {
            let count = |at| row.get(at).map(|count: i64| usize::try_from(count).unwrap_or(0));
            Ok(RoomState {
                room_id: row.get(0)?,
                muted_until: row.get::<_, Option<i64>>(1)?.map(time),
                waiting: count(2)?,
                unsent: count(3)?,
                set_aside: count(4)?,
                last_sent: row.get::<_, Option<i64>>(5)?.map(time),
            })
        })?)
    }

    /// Until when a room is muted.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn muted_until(&self, room: &str) -> Result<Option<Timestamp>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT muted_until FROM room WHERE name = ?")?;
        let until = statement.query_row([room], |row| row.get::<_, Option<i64>>(0)).optional()?;
        Ok(until.flatten().map(time))
    }

    /// Mutes a room, or no longer.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn mute(&self, room: &str, until: Option<Timestamp>) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT INTO room (name, muted_until) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET muted_until = ?2",
            params![room, until.map(millis)],
        )?;
        Ok(())
    }

    /// Notes where a room's messages go.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn moved(&self, room: &str, room_id: &str) -> Result<(), StoreError> {
        self.connection.execute(
            "INSERT INTO room (name, room_id) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET room_id = ?2",
            [room, room_id],
        )?;
        Ok(())
    }

    /// The names of the rooms whose messages go to `room_id`.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn names_of(&self, room_id: &str) -> Result<Vec<String>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT name FROM room WHERE room_id = ?")?;
        let names = statement.query_map([room_id], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// The rooms that rules were made for by command, or that a message is on its way to.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn rooms(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT room FROM subscription UNION
             SELECT room FROM message WHERE sent IS NULL AND problem IS NULL ORDER BY 1",
        )?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Drops what waits for rooms other than these: they were taken out of the configuration.
    /// Returns how much that was.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn keep_rooms(&self, names: &[&str]) -> Result<usize, StoreError> {
        let names = serde_json::to_string(names).unwrap_or_default();
        let sql = "DELETE FROM entry WHERE message IS NULL
                       AND room NOT IN (SELECT value FROM json_each(?))";
        Ok(self.connection.execute(sql, [names])?)
    }
}
