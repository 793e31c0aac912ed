//! The position in the stream, kept in the database beside what came of the events before it.

use std::io;

use laniakea_event::Seq;
use laniakea_wire::subscription::{CursorError, CursorStore, Position};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{SharedStore, Store, StoreError};

impl Store {
    /// The position, if there is one yet.
    ///
    /// # Errors
    ///
    /// The database fails, or holds something else.
    pub fn position(&self) -> Result<Option<Position>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT journal || ':' || seq FROM cursor")?;
        let text = statement.query_row([], |row| row.get::<_, String>(0)).optional()?;
        Ok(text.map(|text| text.parse()).transpose()?)
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
    let journal: Uuid = journal;
    statement.execute(params![journal.to_string(), i64::try_from(seq).unwrap_or(i64::MAX)])?;
    Ok(())
}

/// The cursor as the subscription wants it.
///
/// [`Store::take`] has moved it already, as far as the relay had confirmed that its journal goes;
/// what is left for here are live events, which are confirmed a little later, and stretches in
/// which nothing was for us.
pub struct StoreCursor(pub SharedStore);

impl CursorStore for StoreCursor {
    fn load(&self) -> Result<Option<Position>, CursorError> {
        self.0.lock().position().map_err(|error| CursorError::Read {
            place: PLACE.to_owned(),
            source: io::Error::other(error),
        })
    }

    fn save(&mut self, position: Position) -> Result<(), CursorError> {
        advance(&self.0.lock().connection, position).map_err(|error| CursorError::Write {
            place: PLACE.to_owned(),
            source: io::Error::other(error),
        })
    }
}

const PLACE: &str = "in mirk's database";
