//! What was seen and what became of it, for people who ask.

use jiff::Timestamp;
use laniakea_event::Digest;
use laniakea_filter::Glob;
use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError, time};

/// An event of late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// Its digest.
    pub digest: Digest,
    /// Its type.
    pub id: String,
    /// When the source emitted it, as the source wrote it.
    pub time: String,
    /// Its place in the relay's journal.
    pub seq: Option<i64>,
    /// Who signed.
    pub signers: String,
    /// Why it is not believed.
    pub problem: Option<String>,
    /// What it says.
    pub text: String,
}

/// What became of an event in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// The event.
    pub event: Happened,
    /// The room.
    pub room: String,
    /// The rule by which the room got it.
    pub rule: String,
    /// How far it is.
    pub fate: Fate,
}

/// How far an event is on its way to a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It waits to be told.
    Waiting,
    /// It is part of a message of this kind that is not sent yet.
    Unsent(String),
    /// It was told in this message, of this kind.
    Sent {
        /// The message's kind.
        kind: String,
        /// What the homeserver calls it.
        event_id: String,
        /// When.
        at: Timestamp,
    },
    /// The homeserver would not take the message.
    SetAside(String),
}

const EVENT: &str = "event.digest, event.event_id, event.time, event.seq, event.signers,
    event.problem, event.text";
const TRAIL: &str = "entry.room, entry.rule, message.kind, message.event_id, message.sent,
    message.problem";

impl Store {
    /// The newest events of some types, newest first.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn latest(&self, ids: &Glob, count: usize) -> Result<Vec<Happened>, StoreError> {
        let sql = format!("SELECT {EVENT} FROM event ORDER BY id DESC");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id: String = row.get(1)?;
            if ids.matches(&id) {
                found.push(read_event(row)?);
            }
            if found.len() >= count {
                break;
            }
        }
        Ok(found)
    }

    /// The newest events about a package, newest first.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn about(&self, package: &str, count: usize) -> Result<Vec<Happened>, StoreError> {
        let sql = format!("SELECT {EVENT} FROM event WHERE package = ? ORDER BY id DESC LIMIT ?");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![package, count], read_event)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// An event of late.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn event(&self, digest: &Digest) -> Result<Option<Happened>, StoreError> {
        let sql = format!("SELECT {EVENT} FROM event WHERE digest = ?");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row([digest.as_bytes()], read_event).optional()?)
    }

    /// What became of an event, room by room.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn trails(&self, digest: &Digest) -> Result<Vec<Trail>, StoreError> {
        let condition = "event.digest = ? ORDER BY entry.id";
        self.read_trails(condition, params![digest.as_bytes()])
    }

    /// The events that a message tells of. For a message whose text changes with the state of what
    /// it tells of, all its steps; for one in its thread, too.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn told_by(&self, event_id: &str) -> Result<Vec<Trail>, StoreError> {
        let condition = "entry.id IN (
                SELECT told.id FROM message JOIN entry AS told ON told.message = message.id
                WHERE message.event_id = ?1
                UNION
                SELECT step.id FROM message JOIN story ON story.root = message.id
                JOIN event AS of_it ON of_it.stage_name = story.name AND of_it.stage_key = story.key
                JOIN entry AS step ON step.event = of_it.id AND step.room = story.room
                WHERE message.event_id = ?1)
            ORDER BY entry.id";
        self.read_trails(condition, params![event_id])
    }

    fn read_trails(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Trail>, StoreError> {
        let sql = format!(
            "SELECT {EVENT}, {TRAIL} FROM entry JOIN event ON event.id = entry.event
             LEFT JOIN message ON message.id = entry.message WHERE {condition}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(values, read_trail)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn read_event(row: &Row<'_>) -> rusqlite::Result<Happened> {
    Ok(Happened {
        digest: Digest::from_bytes(row.get(0)?),
        id: row.get(1)?,
        time: row.get(2)?,
        seq: row.get(3)?,
        signers: row.get(4)?,
        problem: row.get(5)?,
        text: row.get(6)?,
    })
}

fn read_trail(row: &Row<'_>) -> rusqlite::Result<Trail> {
    let kind: Option<String> = row.get(9)?;
    let event_id: Option<String> = row.get(10)?;
    let sent: Option<i64> = row.get(11)?;
    let problem: Option<String> = row.get(12)?;
    let fate = match (kind, event_id, problem) {
        (Some(kind), Some(event_id), _) => {
            Fate::Sent { kind, event_id, at: time(sent.unwrap_or_default()) }
        }
        (_, _, Some(problem)) => Fate::SetAside(problem),
        (Some(kind), None, None) => Fate::Unsent(kind),
        (None, _, None) => Fate::Waiting,
    };
    Ok(Trail { event: read_event(row)?, room: row.get(7)?, rule: row.get(8)?, fate })
}
