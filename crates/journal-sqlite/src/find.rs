//! One event by its digest.

use laniakea_event::Digest;
use laniakea_journal::StoredEvent;
use rusqlite::Connection;

use crate::{
    block::{self, Block},
    error::Damage,
    prefixes,
    row::{self, COLUMNS, to_integer},
};

/// Finds the event, in the index or among those behind it.
pub(crate) fn by_digest(
    connection: &Connection,
    digest: &Digest,
) -> Result<Option<StoredEvent>, Damage> {
    let mut select =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM event WHERE seq = ?1"))?;
    for seq in block::seqs_by_digest(connection, digest)? {
        let mut rows = select.query([to_integer(seq)])?;
        // A row that is missing is one that retention removed.
        if let Some(row) = rows.next()? {
            let event = row::decode(row)?;
            if event.digest == *digest {
                return Ok(Some(event));
            }
        }
    }
    let indexed = Block::first_incomplete(prefixes::last(connection)?).start();
    let mut scan = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM event WHERE seq > ?1 AND digest = ?2"))?;
    let mut rows = scan.query((to_integer(indexed), digest.as_bytes()))?;
    rows.next()?.map(row::decode).transpose()
}
