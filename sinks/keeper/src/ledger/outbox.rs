//! What keeper has to say and the relay does not have yet.
//!
//! An event comes here in the transaction of the change that it tells of, signed, and leaves once
//! the relay has it on disk. A crash between the two has the same bytes sent again, which the relay
//! recognises.

use std::sync::Arc;

use jiff::Timestamp;
use laniakea_event::{Digest, EventId, SignedEvent};
use rusqlite::{Connection, params};
use tokio::sync::Notify;

use super::{Ledger, LedgerError, millis};
use crate::{chain::Chain, herald::Herald, note::Note};

/// Says what happens in the ledger, if anybody is to.
#[derive(Debug, Clone, Default)]
pub(super) struct Voice {
    herald: Option<Arc<Herald>>,
    filled: Arc<Notify>,
}

/// An event that waits for the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its place in the outbox: events leave in this order.
    pub place: i64,
    /// Its digest.
    pub digest: Digest,
    /// Its type.
    pub id: String,
    /// The signed event.
    pub event: Vec<u8>,
}

impl Ledger {
    /// From now on notes are signed and put into the outbox.
    pub fn announce_with(&mut self, herald: Arc<Herald>) {
        self.voice.herald = Some(herald);
    }

    /// Is notified when something comes into the outbox.
    pub fn filled(&self) -> Arc<Notify> {
        self.voice.filled.clone()
    }

    /// Tells of something, if somebody is to be told. What belongs to a change of the ledger is
    /// noted in the transaction of that change instead.
    ///
    /// # Errors
    ///
    /// The database fails; then nothing is told.
    pub fn note_event(&mut self, note: &Note, now: Timestamp) -> Result<(), LedgerError> {
        let transaction = self.connection.transaction()?;
        self.voice.note(&transaction, note, now)?;
        transaction.commit()?;
        self.voice.wake();
        Ok(())
    }

    /// What waits for the relay, in order, so many at most.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn outbox(&self, limit: u32) -> Result<Vec<Outgoing>, LedgerError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT place, digest, id, event FROM outbox ORDER BY place LIMIT ?")?;
        let rows = select.query_map([limit], |row| {
            let digest: [u8; 32] = row.get(1)?;
            Ok(Outgoing {
                place: row.get(0)?,
                digest: Digest::from_bytes(digest),
                id: row.get(2)?,
                event: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets everything up to a place: the relay has it, or will never take it.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn sent(&mut self, place: i64) -> Result<(), LedgerError> {
        self.connection.prepare_cached("DELETE FROM outbox WHERE place <= ?")?.execute([place])?;
        Ok(())
    }
}

impl Voice {
    /// Whether anybody is to be told anything.
    pub(super) fn is_heard(&self) -> bool {
        self.herald.is_some()
    }

    /// Puts a note into the outbox, with the transaction that this connection is in.
    pub(super) fn note(
        &self,
        connection: &Connection,
        note: &Note,
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let Some(herald) = &self.herald else { return Ok(()) };
        if !note.is_wanted(herald.announce()) {
            return Ok(());
        }
        let chain: Chain = note.about.chain().with(&herald.link(&note.rule));
        let signed = EventId::parse(note.id()).map_err(|error| error.to_string()).and_then(|id| {
            let data = note.data(herald.name().as_str());
            herald.sign(id, data, &chain, now).map_err(|error| error.to_string())
        });
        match signed {
            Ok(event) => put(connection, &event, now),
            // Keys and problems are bounded, so this is a mistake of ours; the run matters more.
            Err(error) => {
                tracing::error!(rule = note.rule, error, "a note could not be signed");
                Ok(())
            }
        }
    }

    /// Tells whoever sends the outbox to look.
    pub(super) fn wake(&self) {
        if self.is_heard() {
            self.filled.notify_one();
        }
    }
}

pub(super) fn put(
    connection: &Connection,
    event: &SignedEvent,
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO outbox (digest, id, event, added) VALUES (?, ?, ?, ?)")?
        .execute(params![
            event.digest().as_bytes(),
            event.id().as_str(),
            event.bytes(),
            millis(now)
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
