//! Retention, in steps that let appends in between.

use laniakea_event::Seq;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::{
    block::{self, Block},
    row::to_integer,
};

/// What one step removes at most: a few milliseconds of work.
const STEP_EVENTS: i64 = 1000;
const STEP_BYTES: usize = 4 << 20;

/// What one step removed.
pub(crate) struct Removed {
    pub(crate) events: u64,
    pub(crate) bytes: usize,
}

/// Removes the oldest events as far as one step goes, none behind `up_to`.
pub(crate) fn remove_some(connection: &Connection, up_to: Seq) -> rusqlite::Result<Removed> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut removed = Removed { events: 0, bytes: 0 };
    let mut span: Option<(i64, i64)> = None;
    let mut select = connection.prepare_cached(
        "SELECT seq, length(frame) FROM event WHERE seq <= ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = select.query((to_integer(up_to), STEP_EVENTS))?;
    while removed.bytes < STEP_BYTES
        && let Some(row) = rows.next()?
    {
        let seq = row.get(0)?;
        span = Some((span.map_or(seq, |(first, _)| first), seq));
        removed.events += 1;
        removed.bytes += usize::try_from(row.get::<_, i64>(1)?).unwrap_or_default();
    }
    drop(rows);
    if let Some((first, last)) = span {
        connection.prepare_cached("DELETE FROM event WHERE seq <= ?1")?.execute([last])?;
        remove_blocks(connection, first, last)?;
    }
    transaction.commit()?;
    Ok(removed)
}

/// Removes the index of the blocks whose last event is among those from `first` to `last`.
fn remove_blocks(connection: &Connection, first: i64, last: i64) -> rusqlite::Result<()> {
    let seq = |integer| Seq(u64::try_from(integer).unwrap_or_default());
    let mut block = Block::of(seq(first));
    while block.end() <= seq(last) {
        block::remove(connection, block)?;
        block = block.next();
    }
    Ok(())
}
