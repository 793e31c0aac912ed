//! First transaction: a batch of events, and an entry for each room that one of them is for.

use jiff::Timestamp;
use laniakea_wire::subscription::Position;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Store, StoreError, cursor::advance, millis};
use crate::describe::Described;

/// An event from the stream, described, and the rooms that it is for.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The event as it is shown.
    pub event: Described,
    /// Who gets it.
    pub wanted: Vec<Wanted>,
}

/// A room that gets an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The room's name in the configuration.
    pub room: String,
    /// The rule that says so.
    pub rule: String,
}

impl Store {
    /// Keeps a batch and the position behind it. An event that a room was to have before is passed
    /// over. Returns how many entries were added.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing of the batch was kept.
    pub fn take(
        &mut self,
        arrivals: &[Arrival],
        position: Option<Position>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut added = 0;
        for arrival in arrivals {
            added += take_one(&transaction, arrival, now)?;
        }
        if let Some(position) = position {
            advance(&transaction, position)?;
        }
        transaction.commit()?;
        Ok(added)
    }
}

fn take_one(
    transaction: &Transaction<'_>,
    Arrival { event, wanted }: &Arrival,
    now: Timestamp,
) -> rusqlite::Result<usize> {
    if is_handled(transaction, event)? {
        return Ok(0);
    }
    let row = keep_event(transaction, event, now)?;
    if wanted.is_empty() {
        return Ok(0);
    }
    transaction
        .prepare_cached("INSERT INTO handled VALUES (?)")?
        .execute([event.digest.as_bytes()])?;
    let mut statement = transaction
        .prepare_cached("INSERT INTO entry (room, event, rule, added) VALUES (?, ?, ?, ?)")?;
    for Wanted { room, rule } in wanted {
        statement.execute(params![room, row, rule, millis(now)])?;
    }
    Ok(wanted.len())
}

fn is_handled(connection: &Connection, event: &Described) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM handled WHERE digest = ?")?;
    statement.exists([event.digest.as_bytes()])
}

/// The row of an event; one that is there already, from a time when no room wanted it, is
/// described anew.
fn keep_event(connection: &Connection, event: &Described, now: Timestamp) -> rusqlite::Result<i64> {
    let known = connection
        .prepare_cached("SELECT id FROM event WHERE digest = ?")?
        .query_row([event.digest.as_bytes()], |row| row.get::<_, i64>(0))
        .optional()?;
    let stage = event.stage.as_ref();
    let seq = event.seq.map(|seq| i64::try_from(seq.0).unwrap_or(i64::MAX));
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO event (id, digest, seq, event_id, time, received, signers, problem,
             package, text, html, links, plural_text, plural_html, subject, stage_name, stage_key)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    statement.insert(params![
        known,
        event.digest.as_bytes(),
        seq,
        event.id,
        event.time,
        millis(now),
        event.signers,
        event.problem,
        event.package,
        event.text,
        event.html,
        serde_json::to_string(&event.links).unwrap_or_default(),
        event.plural.text,
        event.plural.html,
        event.subject,
        stage.map(|stage| stage.name.as_str()),
        stage.map(|stage| stage.key.as_str()),
    ])
}
