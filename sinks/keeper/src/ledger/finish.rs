//! Third transaction: an attempt has ended.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{Ledger, LedgerError, millis};
use crate::schedule::RunId;

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
            Self::Again { .. } => "waiting",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    fn problem(&self) -> Option<&str> {
        match self {
            Self::Succeeded => None,
            Self::Again { problem, .. } | Self::Failed { problem } | Self::Unknown { problem } => {
                Some(problem)
            }
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
        let transaction = self.connection.transaction()?;
        finish(&transaction, run, verdict, output, now)?;
        transaction.commit()?;
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

    /// Removes what ended before a time, and events that nothing refers to any more. Says how many
    /// runs that were.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn prune(&mut self, before: Timestamp) -> Result<usize, LedgerError> {
        let transaction = self.connection.transaction()?;
        let old = "(SELECT id FROM run WHERE ended < ?1 AND state NOT IN ('started', 'waiting'))";
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

fn finish(
    connection: &Connection,
    run: RunId,
    verdict: &Verdict,
    output: &[u8],
    now: Timestamp,
) -> rusqlite::Result<()> {
    let again = match verdict {
        Verdict::Again { at, .. } => Some(millis(*at)),
        _ => None,
    };
    connection
        .prepare_cached(
            "UPDATE run SET state = ?2, ended = ?3, again = ?4, problem = ?5 WHERE id = ?1",
        )?
        .execute(params![run, verdict.state(), millis(now), again, verdict.problem()])?;
    connection
        .prepare_cached(
            "UPDATE attempt SET ended = ?2, problem = ?3, output = ?4
             WHERE run = ?1 AND number = (SELECT attempts FROM run WHERE id = ?1)",
        )?
        .execute(params![run, millis(now), verdict.problem(), output])?;
    Ok(())
}
