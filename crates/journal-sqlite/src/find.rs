//! One event by its digest.

use laniakea_event::Digest;
use laniakea_journal::{Bounds, StoredEvent};
use rusqlite::Connection;

use crate::{
    block::{self, Block},
    error::Damage,
    position,
    row::{self, COLUMNS, to_integer},
};

/// Finds the event among those that the index does not have yet, or by the index from the newest
/// block to the oldest.
pub(crate) fn by_digest(
    connection: &Connection,
    digest: &Digest,
) -> Result<Option<StoredEvent>, Damage> {
    let Bounds { first, last } = position::bounds(connection)?;
    let incomplete = Block::first_incomplete(last);
    let mut scan = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM event WHERE seq > ?1 AND digest = ?2"))?;
    let mut rows = scan.query((to_integer(incomplete.start()), digest.as_bytes()))?;
    if let Some(row) = rows.next()? {
        return row::decode(row).map(Some);
    }
    let mut select =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM event WHERE seq = ?1"))?;
    for block in (Block::of(first).0..incomplete.0).rev().map(Block) {
        let candidates = match block::seqs_by_digest(connection, block, digest) {
            // The events are still there.
            Err(damage) if damage.is_of_file() => {
                if let Some(event) = scan_block(connection, block, digest)? {
                    return Ok(Some(event));
                }
                continue;
            }
            candidates => candidates?,
        };
        for seq in candidates {
            let mut rows = select.query([to_integer(seq)])?;
            // A row that is missing is one that retention removed.
            let event = rows.next()?.map(row::decode).transpose()?;
            if event.as_ref().is_some_and(|event| event.digest == *digest) {
                return Ok(event);
            }
        }
    }
    Ok(None)
}

/// Looks at each event of a block.
fn scan_block(
    connection: &Connection,
    block: Block,
    digest: &Digest,
) -> Result<Option<StoredEvent>, Damage> {
    let mut scan = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM event WHERE seq > ?1 AND seq <= ?2 AND digest = ?3"
    ))?;
    let (from, to) = (to_integer(block.start()), to_integer(block.end()));
    let mut rows = scan.query((from, to, digest.as_bytes()))?;
    rows.next()?.map(row::decode).transpose()
}
