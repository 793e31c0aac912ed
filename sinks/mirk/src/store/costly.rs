//! Rules whose expressions cost too much for an event, for people who ask.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{Store, StoreError, millis, time};

/// A rule that was not held against events to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Costly {
    /// The rule, as people are told of it.
    pub rule: String,
    /// How many events, since the rules were read.
    pub events: u64,
    /// When it was noticed the last time.
    pub last: Timestamp,
}

/// Makes the table, which a database of an earlier mirk lacks. What was in it was of other rules.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS costly (
             rule TEXT PRIMARY KEY,
             events INTEGER NOT NULL,
             last INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID;
         DELETE FROM costly;",
    )
}

impl Store {
    /// Keeps how many events there were.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn note_costly(&mut self, costly: &[Costly]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        for Costly { rule, events, last } in costly {
            let events = i64::try_from(*events).unwrap_or(i64::MAX);
            transaction.execute(
                "INSERT OR REPLACE INTO costly VALUES (?, ?, ?)",
                params![rule, events, millis(*last)],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// The rules that cost too much.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn costly(&self) -> Result<Vec<Costly>, StoreError> {
        let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'costly'";
        if self.connection.query_row(is_there, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(Vec::new());
        }
        let mut select =
            self.connection.prepare("SELECT rule, events, last FROM costly ORDER BY rule")?;
        let costly = select.query_map([], |row| {
            Ok(Costly {
                rule: row.get(0)?,
                events: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                last: time(row.get(2)?),
            })
        })?;
        Ok(costly.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_too_much_is_kept_until_the_next_start() {
        let mut store = Store::in_memory().unwrap();
        assert_eq!(store.costly().unwrap(), []);
        begin(&store.connection).unwrap();
        let costly = |events| Costly {
            rule: "include rule 1".to_owned(),
            events,
            last: Timestamp::from_second(7).unwrap(),
        };
        for events in [1, 5] {
            store.note_costly(&[costly(events)]).unwrap();
        }
        assert_eq!(store.costly().unwrap(), [costly(5)]);
        begin(&store.connection).unwrap();
        assert_eq!(store.costly().unwrap(), []);
    }
}
