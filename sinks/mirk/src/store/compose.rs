//! Second transaction: what waits for a room becomes messages in their final form.

use jiff::Timestamp;
use laniakea_catalog::Phrase;
use laniakea_event::{Digest, Seq};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{Store, StoreError, millis, time};
use crate::compose::{
    Body, Budget, Entry, MAX_ENTRIES, NewMessage, Next, Root, Step, StoryKey, Style, next,
};

/// What came of composing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Composed {
    /// Nothing waits.
    Nothing,
    /// Something waits until then.
    Later(Timestamp),
    /// There are messages to send.
    Messages,
}

impl Store {
    /// Composes what the room is posted next. `room_id` is where it would be sent to: a story whose
    /// message is elsewhere begins anew.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing was composed.
    pub fn compose(
        &mut self,
        style: &Style,
        room_id: Option<&str>,
        budget: &mut Budget,
        now: Timestamp,
    ) -> Result<Composed, StoreError> {
        let transaction = self.connection.transaction()?;
        let waiting = waiting(&transaction, &style.room)?;
        let root = |key: &StoryKey| root(&transaction, &style.room, key, room_id);
        let next = next::<rusqlite::Error>(style, &waiting, root, budget, now)?;
        let messages = match next {
            Next::Idle => return Ok(Composed::Nothing),
            Next::Wait(until) => return Ok(Composed::Later(until)),
            Next::Post(messages) => messages,
        };
        for message in &messages {
            keep(&transaction, &style.room, message, now)?;
        }
        transaction.commit()?;
        Ok(Composed::Messages)
    }

    /// Notes that what waits for a room came while it was left alone.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn hold(&self, room: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE entry SET held = 1 WHERE room = ? AND message IS NULL AND held = 0",
            )?
            .execute([room])?;
        Ok(())
    }

    /// Keeps a message that tells of no event. One with the same transaction id is there already:
    /// then nothing is kept.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn say(
        &mut self,
        room: &str,
        message: &NewMessage,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        keep(&transaction, room, message, now)?;
        Ok(transaction.commit()?)
    }
}

/// The entries that wait, oldest first, at most [`MAX_ENTRIES`].
fn waiting(connection: &Connection, room: &str) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(
        "SELECT entry.id, added, digest, seq, time, problem, text, html, links, plural_text,
             plural_html, subject, stage_name, stage_key, held
         FROM entry JOIN event ON event.id = entry.event
         WHERE room = ? AND message IS NULL ORDER BY entry.id LIMIT ?",
    )?;
    let limit = i64::try_from(MAX_ENTRIES).unwrap_or(i64::MAX);
    statement.query_map(params![room, limit], read_entry)?.collect()
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let links: String = row.get(8)?;
    let stage: Option<String> = row.get(12)?;
    let key: Option<String> = row.get(13)?;
    Ok(Entry {
        row: row.get(0)?,
        added: time(row.get(1)?),
        digest: Digest::from_bytes(row.get(2)?),
        seq: row.get::<_, Option<i64>>(3)?.and_then(|seq| u64::try_from(seq).ok()).map(Seq),
        time: row.get(4)?,
        problem: row.get(5)?,
        line: Body { text: row.get(6)?, html: row.get(7)? },
        links: serde_json::from_str(&links).unwrap_or_default(),
        plural: Phrase { text: row.get(9)?, html: row.get(10)? },
        subject: row.get(11)?,
        stage: stage.zip(key).map(|(name, key)| StoryKey { name, key }),
        is_held: row.get(14)?,
    })
}

/// The message of a story, if there is one in the room as it is now.
fn root(
    connection: &Connection,
    room: &str,
    key: &StoryKey,
    room_id: Option<&str>,
) -> rusqlite::Result<Option<Root>> {
    let mut statement = connection.prepare_cached(
        "SELECT message.event_id, event.time, event.text, event.html, EXISTS (
             SELECT 1 FROM entry AS later JOIN event AS told ON told.id = later.event
             WHERE later.room = story.room AND later.message > story.root
                 AND told.stage_name = story.name AND told.stage_key = story.key)
         FROM story JOIN message ON message.id = story.root
         JOIN entry ON entry.message = story.root JOIN event ON event.id = entry.event
         WHERE story.room = ? AND name = ? AND key = ? AND message.room_id = ?
             AND message.event_id IS NOT NULL",
    )?;
    let row = statement.query_row(params![room, key.name, key.key, room_id], |row| {
        Ok(Root {
            event_id: row.get(0)?,
            first: Step { time: row.get(1)?, line: Body { text: row.get(2)?, html: row.get(3)? } },
            has_thread: row.get(4)?,
        })
    });
    row.optional()
}

fn keep(
    transaction: &Transaction<'_>,
    room: &str,
    message: &NewMessage,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO message (room, kind, txn, content, created) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (txn) DO UPDATE SET txn = excluded.txn RETURNING id",
    )?;
    let content = message.content.to_string();
    let values = params![room, message.kind.as_str(), message.txn, content, millis(now)];
    let id: i64 = insert.query_row(values, |row| row.get(0))?;
    let mut assign = transaction.prepare_cached("UPDATE entry SET message = ? WHERE id = ?")?;
    for entry in &message.entries {
        assign.execute([id, *entry])?;
    }
    if let Some(StoryKey { name, key }) = &message.begins {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO story VALUES (?, ?, ?, ?)")?
            .execute(params![room, name, key, id])?;
    }
    Ok(())
}
