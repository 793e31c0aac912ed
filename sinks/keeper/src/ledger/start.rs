//! Second transaction: what waits becomes a run, and an attempt begins.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::{Ledger, LedgerError, millis, outbox::Voice, time};
use crate::{
    batch::KeptEvent,
    note::{About, Note, What},
    schedule::{Due, RunId},
};

/// An attempt that is on record and may be made.
#[derive(Debug)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Its events, oldest first.
    pub events: Vec<KeptEvent>,
    /// Since when something is missed, if that is why.
    pub missed: Option<Timestamp>,
}

/// Events that wait for a run, or something that was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The rule.
    pub rule: String,
    /// The key.
    pub key: String,
    /// When the first of them came.
    pub first: Timestamp,
    /// When the last did.
    pub last: Timestamp,
}

/// A run that is not at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// The run.
    pub run: RunId,
    /// The rule.
    pub rule: String,
    /// The key.
    pub key: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried again; without it nobody knows how the last attempt went.
    pub again: Option<Timestamp>,
}

impl Ledger {
    /// Begins everything that is due, in one transaction.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing began.
    pub fn start_all(
        &mut self,
        due: Vec<Due>,
        now: Timestamp,
    ) -> Result<Vec<(Due, Started)>, LedgerError> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let transaction = self.connection.transaction()?;
        let started = start_all(&transaction, &self.voice, due, now)?;
        transaction.commit()?;
        self.voice.wake();
        Ok(started)
    }

    /// Makes a run of the events that wait for a rule and key, with its first attempt.
    ///
    /// # Errors
    ///
    /// The database fails; then there is no run.
    pub fn start(&mut self, rule: &str, key: &str, now: Timestamp) -> Result<Started, LedgerError> {
        let transaction = self.connection.transaction()?;
        let started = start(&transaction, &self.voice, rule, key, now)?;
        transaction.commit()?;
        self.voice.wake();
        Ok(started)
    }

    /// Begins another attempt at a run.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing began.
    pub fn start_again(&mut self, run: RunId, now: Timestamp) -> Result<Started, LedgerError> {
        let transaction = self.connection.transaction()?;
        let started = begin(&transaction, run, now)?;
        transaction.commit()?;
        Ok(started)
    }

    /// What waits.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn waiting(&self) -> Result<Vec<Waiting>, LedgerError> {
        let mut select = self.connection.prepare(
            "SELECT rule, key, min(added), max(added) FROM (
                    SELECT rule, key, added FROM pending
                    UNION ALL SELECT rule, key, noticed FROM absence WHERE run IS NULL
                 ) GROUP BY rule, key",
        )?;
        let waiting = select.query_map([], |row| {
            Ok(Waiting {
                rule: row.get(0)?,
                key: row.get(1)?,
                first: time(row.get(2)?),
                last: time(row.get(3)?),
            })
        })?;
        Ok(waiting.collect::<Result<_, _>>()?)
    }

    /// Runs that are not at their end. At the start of keeper nothing runs: whatever is `started`
    /// then was interrupted.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn unfinished(&self) -> Result<Vec<Interrupted>, LedgerError> {
        let mut select = self.connection.prepare(
            "SELECT id, rule, key, attempts, CASE state WHEN 'waiting' THEN again END FROM run
             WHERE state IN ('started', 'waiting') ORDER BY id",
        )?;
        let unfinished = select.query_map([], |row| {
            Ok(Interrupted {
                run: row.get(0)?,
                rule: row.get(1)?,
                key: row.get(2)?,
                attempts: row.get(3)?,
                again: row.get::<_, Option<i64>>(4)?.map(time),
            })
        })?;
        Ok(unfinished.collect::<Result<_, _>>()?)
    }

    /// When the last run of each rule and key began.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn last_begun(&self) -> Result<Vec<(String, String, Timestamp)>, LedgerError> {
        let mut select =
            self.connection.prepare("SELECT rule, key, max(began) FROM run GROUP BY rule, key")?;
        let begun =
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, time(row.get(2)?))))?;
        Ok(begun.collect::<Result<_, _>>()?)
    }
}

pub(super) fn start_all(
    connection: &Connection,
    voice: &Voice,
    due: Vec<Due>,
    now: Timestamp,
) -> Result<Vec<(Due, Started)>, LedgerError> {
    let begin = |due: Due| {
        let started = match &due {
            Due::Events { rule, key } => start(connection, voice, rule, key, now)?,
            Due::Fallback { rule } => start(connection, voice, rule, "", now)?,
            Due::Retry { run, .. } => begin(connection, *run, now)?,
        };
        Ok((due, started))
    };
    due.into_iter().map(begin).collect()
}

fn start(
    connection: &Connection,
    voice: &Voice,
    rule: &str,
    key: &str,
    now: Timestamp,
) -> Result<Started, LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO run (rule, key, state, attempts, began) VALUES (?, ?, 'started', 0, ?)",
        )?
        .execute(params![rule, key, millis(now)])?;
    let run = connection.last_insert_rowid();
    connection
        .prepare_cached(
            "INSERT INTO run_event SELECT ?, event FROM pending WHERE rule = ? AND key = ?",
        )?
        .execute(params![run, rule, key])?;
    connection
        .prepare_cached("DELETE FROM pending WHERE rule = ? AND key = ?")?
        .execute([rule, key])?;
    connection
        .prepare_cached("UPDATE absence SET run = ? WHERE rule = ? AND key = ? AND run IS NULL")?
        .execute(params![run, rule, key])?;
    let started = begin(connection, run, now)?;
    if voice.is_heard() {
        tell(connection, voice, (rule, key), &started, now)?;
    }
    Ok(started)
}

/// Keeps in short what a run is about, and tells that it begins.
fn tell(
    connection: &Connection,
    voice: &Voice,
    (rule, key): (&str, &str),
    started: &Started,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let about = About::of(&started.events);
    let text = serde_json::to_string(&about).unwrap_or_default();
    connection
        .prepare_cached("UPDATE run SET about = ?2 WHERE id = ?1")?
        .execute(params![started.run, text])?;
    let what = What::Started {
        run: started.run,
        events: started.events.len() as u64,
        attempt: started.attempt,
    };
    let note = Note { rule: rule.to_owned(), key: key.to_owned(), about, what };
    Ok(voice.note(connection, &note, now)?)
}

fn begin(connection: &Connection, run: RunId, now: Timestamp) -> Result<Started, LedgerError> {
    let attempt: u32 = connection
        .prepare_cached(
            "UPDATE run SET state = 'started', attempts = attempts + 1, again = NULL
             WHERE id = ? RETURNING attempts",
        )?
        .query_row([run], |row| row.get(0))?;
    connection
        .prepare_cached("INSERT INTO attempt (run, number, began) VALUES (?, ?, ?)")?
        .execute(params![run, attempt, millis(now)])?;
    let missed: Option<i64> = connection
        .prepare_cached("SELECT min(since) FROM absence WHERE run = ?")?
        .query_row([run], |row| row.get(0))?;
    let events = events_of(connection, run)?;
    Ok(Started { run, attempt, events, missed: missed.map(time) })
}

pub(super) fn events_of(
    connection: &Connection,
    run: RunId,
) -> Result<Vec<KeptEvent>, LedgerError> {
    let mut select = connection.prepare_cached(
        "SELECT frame FROM run_event JOIN event ON event.id = event WHERE run = ? ORDER BY event",
    )?;
    let frames = select.query_map([run], |row| row.get(0))?;
    Ok(parsed(frames.collect::<Result<_, _>>()?))
}

/// They were parsed when they were taken; a bit that fell over since is no reason to stop.
pub(super) fn parsed(frames: Vec<Vec<u8>>) -> Vec<KeptEvent> {
    frames.into_iter().filter_map(|frame| KeptEvent::parse(frame).ok()).collect()
}
