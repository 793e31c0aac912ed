//! First transaction: events wait for a run, and the position moves.

use jiff::Timestamp;
use laniakea_event::Digest;
use laniakea_wire::subscription::Position;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    Ledger, LedgerError,
    cursor::advance,
    millis,
    outbox::Voice,
    start::{Started, start_all},
    watched::carry_out,
};
use crate::{schedule::Due, watch::Step};

/// An event that rules want.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its digest.
    pub digest: Digest,
    /// As the relay published it.
    pub frame: Vec<u8>,
    /// The rules that want it, each with the key and whether it replaces what waits.
    pub wanted: Vec<Wanted>,
    /// What it is to rules that wait for others.
    pub steps: Vec<Step>,
}

/// A rule that wants an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The rule.
    pub rule: String,
    /// Its key for the event.
    pub key: String,
    /// Only the latest of each key counts: what waits already does not.
    pub replaces: bool,
}

impl Ledger {
    /// Whether an event was taken before, as far as that is still known.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn knows(&self, digest: &Digest) -> Result<bool, LedgerError> {
        let mut select = self.connection.prepare_cached("SELECT 1 FROM event WHERE digest = ?")?;
        Ok(select.exists([digest.as_bytes()])?)
    }

    /// Keeps events and the position behind them. Says which rules and keys have got something new;
    /// an event that was taken before is nothing new.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing was kept.
    pub fn take(
        &mut self,
        arrivals: &[Arrival],
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<Vec<(String, String)>, LedgerError> {
        let transaction = self.connection.transaction()?;
        let added = take(&transaction, &self.voice, arrivals, position, now)?;
        transaction.commit()?;
        self.voice.wake();
        Ok(added)
    }

    /// The same, and in the same transaction begins what is due now that these have come: an event
    /// that nothing holds up costs one commit and not two. `due` is told which rules and keys have
    /// got something new.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing was kept and nothing began.
    pub fn take_and_start(
        &mut self,
        arrivals: &[Arrival],
        position: Option<Position>,
        now: Timestamp,
        due: impl FnOnce(&[(String, String)]) -> Vec<Due>,
    ) -> Result<Vec<(Due, Started)>, LedgerError> {
        let transaction = self.connection.transaction()?;
        let added = take(&transaction, &self.voice, arrivals, position, now)?;
        let started = start_all(&transaction, &self.voice, due(&added), now)?;
        transaction.commit()?;
        self.voice.wake();
        Ok(started)
    }
}

fn take(
    connection: &Connection,
    voice: &Voice,
    arrivals: &[Arrival],
    position: Option<Position>,
    now: Timestamp,
) -> rusqlite::Result<Vec<(String, String)>> {
    let mut added = Vec::new();
    for arrival in arrivals {
        take_one(connection, voice, arrival, now, &mut added)?;
    }
    if let Some(position) = position {
        advance(connection, position)?;
    }
    Ok(added)
}

fn take_one(
    connection: &Connection,
    voice: &Voice,
    arrival: &Arrival,
    now: Timestamp,
    added: &mut Vec<(String, String)>,
) -> rusqlite::Result<()> {
    let event: Option<i64> = connection
        .prepare_cached(
            "INSERT INTO event (digest, frame, taken) VALUES (?, ?, ?)
             ON CONFLICT (digest) DO NOTHING RETURNING id",
        )?
        .query_row(params![arrival.digest.as_bytes(), arrival.frame, millis(now)], |row| row.get(0))
        .optional()?;
    let Some(event) = event else { return Ok(()) };
    carry_out(connection, voice, &arrival.steps, Some(event), now, added)?;
    for Wanted { rule, key, replaces } in &arrival.wanted {
        if *replaces {
            connection
                .prepare_cached("DELETE FROM pending WHERE rule = ? AND key = ?")?
                .execute([rule, key])?;
        }
        connection
            .prepare_cached("INSERT INTO pending (rule, key, event, added) VALUES (?, ?, ?, ?)")?
            .execute(params![rule, key, event, millis(now)])?;
        added.push((rule.clone(), key.clone()));
    }
    Ok(())
}
