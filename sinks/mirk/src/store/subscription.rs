//! Rules that were made by command.

use jiff::Timestamp;
use laniakea_filter::Rule;
use rusqlite::params;

use super::{Store, StoreError, millis};

/// A rule that somebody made in a room.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// By which it is removed.
    pub id: i64,
    /// The room's name.
    pub room: String,
    /// The rule.
    pub rule: Rule,
    /// Who made it.
    pub user: String,
}

/// What came of making one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// It has this number.
    Added(i64),
    /// The room has it already.
    Known,
    /// The room has as many as it may.
    TooMany,
}

/// So many rules a room can be given by command.
const MAX_RULES: i64 = 100;

impl Store {
    /// All rules. One that this version cannot read is passed over, loudly.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, room, rule, user FROM subscription ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?))
        })?;
        let mut subscriptions = Vec::new();
        for row in rows {
            let (id, room, rule, user) = row?;
            match rule.parse() {
                Ok(rule) => subscriptions.push(Subscription { id, room, rule, user }),
                Err(error) => {
                    tracing::error!(subscription = id, room, %error, "a subscription is unusable");
                }
            }
        }
        Ok(subscriptions)
    }

    /// Gives a room a rule.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn subscribe(
        &self,
        room: &str,
        rule: &Rule,
        user: &str,
        now: Timestamp,
    ) -> Result<Subscribed, StoreError> {
        let count: i64 = self.connection.query_row(
            "SELECT count(*) FROM subscription WHERE room = ?",
            [room],
            |row| row.get(0),
        )?;
        if count >= MAX_RULES {
            return Ok(Subscribed::TooMany);
        }
        let added = self.connection.execute(
            "INSERT OR IGNORE INTO subscription (room, rule, user, added) VALUES (?, ?, ?, ?)",
            params![room, rule.to_string(), user, millis(now)],
        )?;
        match added {
            0 => Ok(Subscribed::Known),
            _ => Ok(Subscribed::Added(self.connection.last_insert_rowid())),
        }
    }

    /// Takes a rule from a room by its number, or all; returns how many there were.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn unsubscribe(&self, room: &str, id: Option<i64>) -> Result<usize, StoreError> {
        let sql = "DELETE FROM subscription WHERE room = ?1 AND (?2 IS NULL OR id = ?2)";
        Ok(self.connection.execute(sql, params![room, id])?)
    }

    /// The same for the rule itself.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn unsubscribe_rule(&self, room: &str, rule: &Rule) -> Result<usize, StoreError> {
        let sql = "DELETE FROM subscription WHERE room = ? AND rule = ?";
        Ok(self.connection.execute(sql, params![room, rule.to_string()])?)
    }
}
