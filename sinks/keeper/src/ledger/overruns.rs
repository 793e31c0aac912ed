//! Rules whose expressions cost too much for an event, for people who ask.

use jiff::Timestamp;
use rusqlite::params;

use super::{Ledger, LedgerError, millis, time};

/// A rule that was not held against events to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overruns {
    /// Its name.
    pub rule: String,
    /// How many events, since keeper read the rules last.
    pub events: u64,
    /// When it was noticed the last time.
    pub last: Timestamp,
}

impl Ledger {
    /// Keeps how many events there were; those that were kept of other rules stay.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn note_overruns(&mut self, overruns: &[Overruns]) -> Result<(), LedgerError> {
        let transaction = self.connection.transaction()?;
        for Overruns { rule, events, last } in overruns {
            let events = i64::try_from(*events).unwrap_or(i64::MAX);
            transaction
                .prepare_cached("UPDATE rule SET overruns = ?, overran = ? WHERE name = ?")?
                .execute(params![events, millis(*last), rule])?;
        }
        Ok(transaction.commit()?)
    }

    /// Forgets them, since the rules were read anew.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn forget_overruns(&mut self) -> Result<(), LedgerError> {
        self.connection.execute("UPDATE rule SET overruns = 0, overran = NULL", [])?;
        Ok(())
    }

    /// The rules that cost too much, by their names.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn overruns(&self) -> Result<Vec<Overruns>, LedgerError> {
        // A ledger that an earlier keeper made has none.
        let is_known = "SELECT count(*) FROM pragma_table_info('rule') WHERE name = 'overran'";
        if self.connection.query_row(is_known, [], |row| row.get::<_, i64>(0))? == 0 {
            return Ok(Vec::new());
        }
        let mut select = self.connection.prepare(
            "SELECT name, overruns, overran FROM rule WHERE overran IS NOT NULL ORDER BY name",
        )?;
        let overruns = select.query_map([], |row| {
            Ok(Overruns {
                rule: row.get(0)?,
                events: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
                last: time(row.get(2)?),
            })
        })?;
        Ok(overruns.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::KnownRule;

    #[test]
    fn what_costs_too_much_is_kept_until_the_rules_are_read_anew() {
        let mut ledger = Ledger::in_memory().unwrap();
        let known = |name: &str| KnownRule {
            name: name.to_owned(),
            pattern: None,
            begins_at_once: false,
            missing: None,
        };
        ledger.adopt(&[known("a"), known("b")], Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(ledger.overruns().unwrap(), []);
        let noted = |rule: &str, events| Overruns {
            rule: rule.to_owned(),
            events,
            last: Timestamp::from_second(7).unwrap(),
        };
        ledger.note_overruns(&[noted("b", 3), noted("unknown", 1)]).unwrap();
        assert_eq!(ledger.overruns().unwrap(), [noted("b", 3)]);
        ledger.forget_overruns().unwrap();
        assert_eq!(ledger.overruns().unwrap(), []);
    }
}
