//! Third transaction: an attempt has ended.

use std::time::Duration;

use jiff::Timestamp;
use laniakea_event::SignedEvent;
use rusqlite::{Connection, params};

use super::{
    Ledger, LedgerError, millis,
    outbox::{Voice, put},
};
use crate::{
    note::{Note, What},
    schedule::RunId,
};

/// What an attempt's end means for its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Succeeded,
    /// It will be tried again.
    Again {
        /// What was wrong.
        problem: String,
        /// When.
        at: Timestamp,
    },
    /// It did not begin, and will be looked at again. No attempt was made.
    Held {
        /// Who is at it.
        problem: String,
        /// When.
        at: Timestamp,
    },
    /// It is set aside, with its events, until somebody looks.
    Failed {
        /// What was wrong.
        problem: String,
    },
    /// Nobody knows how it went, and it is not repeated.
    Unknown {
        /// Why nobody knows.
        problem: String,
    },
}

impl Verdict {
    fn state(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Again { .. } | Self::Held { .. } => "waiting",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    fn problem(&self) -> Option<&str> {
        match self {
            Self::Succeeded => None,
            Self::Again { problem, .. }
            | Self::Held { problem, .. }
            | Self::Failed { problem }
            | Self::Unknown { problem } => Some(problem),
        }
    }
}

impl Ledger {
    /// Notes how an attempt ended, and what it said.
    ///
    /// # Errors
    ///
    /// The database fails; then the run is as after a crash.
    pub fn finish(
        &mut self,
        run: RunId,
        verdict: &Verdict,
        output: &[u8],
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        self.finish_with(run, verdict, output, None, now)
    }

    /// The same, with an event that goes to the relay if, and only if, the end is on record.
    ///
    /// # Errors
    ///
    /// The database fails; then the run is as after a crash, and nothing is emitted.
    pub fn finish_with(
        &mut self,
        run: RunId,
        verdict: &Verdict,
        output: &[u8],
        emitted: Option<&SignedEvent>,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let transaction = self.connection.transaction()?;
        finish(&transaction, run, verdict, output, now)?;
        if let Some(event) = emitted {
            put(&transaction, event, now)?;
        }
        if self.voice.is_heard() {
            tell(&transaction, &self.voice, run, verdict, now)?;
        }
        transaction.commit()?;
        self.voice.wake();
        Ok(())
    }

    /// Has a run that failed tried again at once, when keeper next looks.
    ///
    /// Says whether there is such a run that has failed.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn retry(&mut self, run: RunId, now: Timestamp) -> Result<bool, LedgerError> {
        let changed = self.connection.execute(
            "UPDATE run SET state = 'waiting', again = ?2
             WHERE id = ?1 AND state IN ('failed', 'unknown')",
            params![run, millis(now)],
        )?;
        Ok(changed == 1)
    }

    /// Removes what ended before a time, but the last run of each rule, and events that nothing refers
    /// to any more. Says how many
    /// runs that were.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn prune(&mut self, before: Timestamp) -> Result<usize, LedgerError> {
        let transaction = self.connection.transaction()?;
        // The last run of each rule says when its safety net is due.
        let old = "(SELECT id FROM run WHERE ended < ?1 AND state NOT IN ('started', 'waiting')
            AND id NOT IN (SELECT max(run.id) FROM run JOIN rule ON run.rule = rule.name
                           GROUP BY rule.name))";
        for table in ["attempt", "run_event", "absence"] {
            transaction
                .execute(&format!("DELETE FROM {table} WHERE run IN {old}"), [millis(before)])?;
        }
        let runs =
            transaction.execute(&format!("DELETE FROM run WHERE id IN {old}"), [millis(before)])?;
        transaction.execute(
            "DELETE FROM event WHERE taken < ?1
                AND NOT EXISTS (SELECT 1 FROM run_event WHERE event = event.id)
                AND NOT EXISTS (SELECT 1 FROM pending WHERE event = event.id)
                AND NOT EXISTS (SELECT 1 FROM watched WHERE event = event.id)",
            [millis(before)],
        )?;
        transaction.commit()?;
        Ok(runs)
    }
}

/// Tells how a run ended, if it is at its end.
fn tell(
    connection: &Connection,
    voice: &Voice,
    run: RunId,
    verdict: &Verdict,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if matches!(verdict, Verdict::Again { .. } | Verdict::Held { .. }) {
        return Ok(());
    }
    let mut select = connection.prepare_cached(
        "SELECT rule, key, about, attempts, (SELECT count(*) FROM run_event WHERE run = run.id),
            (SELECT began FROM attempt WHERE run = run.id AND number = run.attempts)
         FROM run WHERE id = ?",
    )?;
    let note = select.query_row([run], |row| {
        let about: String = row.get(2)?;
        let attempts = row.get(3)?;
        let events = row.get::<_, i64>(4)?.unsigned_abs();
        let began: Option<i64> = row.get(5)?;
        let what = match verdict.problem() {
            None => {
                let took = began.map_or(0, |began| millis(now).saturating_sub(began).max(0));
                let took = Duration::from_millis(took.unsigned_abs());
                What::Succeeded { run, events, attempts, took }
            }
            Some(problem) => What::Failed { run, events, attempts, problem: problem.to_owned() },
        };
        let about = serde_json::from_str(&about).unwrap_or_default();
        Ok(Note { rule: row.get(0)?, key: row.get(1)?, about, what })
    })?;
    voice.note(connection, &note, now)
}

fn finish(
    connection: &Connection,
    run: RunId,
    verdict: &Verdict,
    output: &[u8],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let again = match verdict {
        Verdict::Again { at, .. } | Verdict::Held { at, .. } => Some(millis(*at)),
        _ => None,
    };
    connection
        .prepare_cached(
            "UPDATE run SET state = ?2, ended = ?3, again = ?4, problem = ?5 WHERE id = ?1",
        )?
        .execute(params![run, verdict.state(), millis(now), again, verdict.problem()])?;
    if matches!(verdict, Verdict::Held { .. }) {
        connection
            .prepare_cached(
                "DELETE FROM attempt
                 WHERE run = ?1 AND number = (SELECT attempts FROM run WHERE id = ?1)",
            )?
            .execute([run])?;
        connection
            .prepare_cached("UPDATE run SET attempts = attempts - 1 WHERE id = ?")?
            .execute([run])?;
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE attempt SET ended = ?2, problem = ?3, output = ?4
             WHERE run = ?1 AND number = (SELECT attempts FROM run WHERE id = ?1)",
        )?
        .execute(params![run, millis(now), verdict.problem(), output])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_rule_last_ran_is_not_forgotten_while_it_is_there() {
        let mut ledger = Ledger::in_memory().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let rule = |name: &str| super::super::KnownRule {
            name: name.to_owned(),
            pattern: None,
            begins_at_once: false,
            missing: None,
        };
        ledger.adopt(&[rule("r"), rule("new"), rule("gone")], at(0)).unwrap();
        for (second, name) in [(1, "r"), (2, "gone"), (3, "r")] {
            let run = ledger.start(name, "", at(second)).unwrap().run;
            ledger.finish(run, &Verdict::Succeeded, b"", at(second)).unwrap();
        }
        ledger.adopt(&[rule("r"), rule("new")], at(4)).unwrap();
        assert_eq!(ledger.prune(at(9_999)).unwrap(), 2);
        assert_eq!(ledger.last_begun().unwrap(), [("r".to_owned(), String::new(), at(3))]);
        assert_eq!(ledger.prune(at(9_999)).unwrap(), 0);
    }

    #[test]
    fn a_run_that_did_not_begin_made_no_attempt() {
        let mut ledger = Ledger::in_memory().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let run = ledger.start("r", "k", at(0)).unwrap().run;
        for second in 1..4 {
            let problem = "process 7 holds it".to_owned();
            let verdict = Verdict::Held { problem, at: at(second + 4) };
            ledger.finish(run, &verdict, b"", at(second)).unwrap();
            let waiting = ledger.unfinished().unwrap();
            assert_eq!((waiting[0].attempts, waiting[0].again), (0, Some(at(second + 4))));
            assert_eq!(ledger.start_again(run, at(second + 4)).unwrap().attempt, 1);
        }
        ledger.finish(run, &Verdict::Succeeded, b"said", at(9)).unwrap();
        let trail = ledger.run(run).unwrap().unwrap();
        assert_eq!((trail.facts.attempts, trail.attempts.len()), (1, 1));
        assert_eq!((trail.facts.problem, &*trail.attempts[0].output), (None, "said"));
    }
}
