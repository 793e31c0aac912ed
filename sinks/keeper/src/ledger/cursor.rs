//! The position in the stream, kept beside what came of the events before it.

use std::io;

use laniakea_event::Seq;
use laniakea_wire::subscription::{CursorError, CursorStore, Position};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Ledger, SharedLedger};

const PLACE: &str = "in keeper's ledger";

impl Ledger {
    /// The position, if there is one yet.
    ///
    /// # Errors
    ///
    /// The database fails, or holds something else.
    pub fn position(&self) -> Result<Option<Position>, CursorError> {
        let read = |source| CursorError::Read { place: PLACE.to_owned(), source };
        let text = self
            .connection
            .prepare_cached("SELECT journal || ':' || seq FROM cursor")
            .and_then(|mut select| select.query_row([], |row| row.get::<_, String>(0)).optional())
            .map_err(|error| read(io::Error::other(error)))?;
        let position = text.map(|text| text.parse()).transpose();
        position.map_err(|error| read(io::Error::other(error)))
    }
}

/// Moves the position, never backwards in one journal.
pub(super) fn advance(connection: &Connection, position: Position) -> rusqlite::Result<()> {
    let Position { journal, seq: Seq(seq) } = position;
    let mut statement = connection.prepare_cached(
        "INSERT INTO cursor VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE
         SET journal = excluded.journal, seq = excluded.seq
         WHERE journal <> excluded.journal OR seq < excluded.seq",
    )?;
    statement.execute(params![journal.to_string(), i64::try_from(seq).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// The cursor as the subscription wants it. [`Ledger::take`] has moved it already, as far as the
/// relay had confirmed; the rest follows here.
pub struct LedgerCursor(pub SharedLedger);

impl CursorStore for LedgerCursor {
    fn load(&self) -> Result<Option<Position>, CursorError> {
        self.0.lock().position()
    }

    fn save(&mut self, position: Position) -> Result<(), CursorError> {
        advance(&self.0.lock().connection, position).map_err(|error| CursorError::Write {
            place: PLACE.to_owned(),
            source: io::Error::other(error),
        })
    }
}
