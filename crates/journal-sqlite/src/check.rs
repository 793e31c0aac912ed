//! Whether a file that calls itself a journal is a sound one.
//!
//! SQLite's own check reads the whole file, which a large journal cannot wait for. A large one is
//! checked where damage is likely and cheap to see: its length, its tables, its newest events and
//! some of all ages. Whatever is wrong elsewhere is found by the checksums when it is read.

use std::path::Path;

use laniakea_event::Seq;
use laniakea_journal::Bounds;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::{
    error::{Damage, EventDamage, is_corruption, is_full},
    position,
    row::{self, COLUMNS, to_integer},
    schema::TABLES,
    writer::checkpoint,
};

/// Up to this size SQLite's own check takes well under a second.
const SMALL_BYTES: u64 = 32 << 20;

/// So many of the newest events, and so many spread over the others, are read.
const SAMPLES: u64 = 64;

/// Checks an open journal.
pub(crate) fn check(connection: &Connection, path: &Path) -> Result<(), Damage> {
    for (table, columns) in TABLES {
        connection.prepare(&format!("SELECT {columns} FROM {table}"))?;
    }
    let bytes = check_length(connection, path)?;
    if bytes <= SMALL_BYTES {
        quick_check(connection)?;
    }
    check_events(connection)
}

/// Checks everything that SQLite can know about, and that every event's digest is among those that
/// were taken: without it the event would be taken again.
pub(crate) fn check_whole(connection: &Connection) -> Result<(), Damage> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Damage::Check(verdict));
    }
    let count = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let events = count("SELECT count(*) FROM event")?;
    let taken = count(
        "SELECT count(*) FROM taken_digest AS taken JOIN event
            ON event.seq = taken.seq AND event.digest = taken.digest",
    )?;
    if taken != events {
        let missing = u64::try_from(events.saturating_sub(taken)).unwrap_or_default();
        return Err(Damage::Taken { missing });
    }
    check_bounds(connection).map(drop)
}

/// The journal's id.
pub(crate) fn journal_id(connection: &Connection) -> Result<Uuid, Damage> {
    let mut select = connection.prepare("SELECT id FROM journal")?;
    let mut rows = select.query([])?;
    let id = match rows.next()? {
        Some(row) => row.get_ref(0)?.as_blob().ok().and_then(|id| Uuid::from_slice(id).ok()),
        None => None,
    };
    let id = id.ok_or(Damage::Id)?;
    if rows.next()?.is_some() {
        return Err(Damage::Id);
    }
    Ok(id)
}

/// Compares the file's length with what SQLite believes, once the log is written back.
fn check_length(connection: &Connection, path: &Path) -> Result<u64, Damage> {
    let found = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    match checkpoint(connection, "TRUNCATE") {
        // On a full disk the log has to wait, and pages that only it has are not missing.
        Err(error) if is_full(&error) => return Ok(found(path)),
        Err(error) if is_corruption(&error) => return Err(error.into()),
        written => drop(written?),
    }
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
    let expected = u64::from(pragma("page_count")?) * u64::from(pragma("page_size")?);
    let found = found(path);
    if found < expected {
        return Err(Damage::Length { expected, found });
    }
    Ok(found)
}

fn quick_check(connection: &Connection) -> Result<(), Damage> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(Damage::Check(verdict)) }
}

fn check_bounds(connection: &Connection) -> Result<Bounds, Damage> {
    let Bounds { first, last } = position::bounds(connection)?;
    let newest: Option<i64> = connection
        .query_row("SELECT seq FROM event ORDER BY seq DESC LIMIT 1", [], |row| row.get(0))
        .optional()?;
    if newest.is_some_and(|newest| newest != to_integer(last)) {
        return Err(Damage::Bounds { last });
    }
    Ok(Bounds { first, last })
}

fn check_events(connection: &Connection) -> Result<(), Damage> {
    let Bounds { first, last } = check_bounds(connection)?;
    let newest = last.0.saturating_sub(SAMPLES).max(first.0 - 1)..last.0;
    let step = usize::try_from((newest.start + 1 - first.0) / SAMPLES).unwrap_or(usize::MAX);
    let spread = (first.0 - 1..newest.start).step_by(step.max(1));
    let mut select = connection.prepare(&format!("SELECT {COLUMNS} FROM event WHERE seq = ?1"))?;
    for before in spread.chain(newest) {
        let seq = Seq(before).next();
        let mut rows = select.query([to_integer(seq)])?;
        let missing = Damage::Event { seq, what: EventDamage::Missing };
        row::decode(rows.next()?.ok_or(missing)?)?;
    }
    Ok(())
}
