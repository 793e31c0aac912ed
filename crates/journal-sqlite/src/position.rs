//! Where things stand: bounds, and the place of a moment.

use jiff::Timestamp;
use laniakea_event::Seq;
use laniakea_journal::Bounds;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{
    error::{Damage, is_corruption},
    prefixes,
    row::to_integer,
};

/// Which events are left.
pub(crate) fn bounds(connection: &Connection) -> Result<Bounds, Damage> {
    let last = prefixes::last(connection)?;
    let first: Option<i64> =
        connection.prepare_cached("SELECT min(seq) FROM event")?.query_row([], |row| row.get(0))?;
    let first = match first {
        Some(first) => u64::try_from(first).map_or(Seq::START, Seq),
        None => last.next(),
    };
    if first == Seq::START || first > last.next() {
        return Err(Damage::Bounds { last });
    }
    Ok(Bounds { first, last })
}

/// The position before the first event that was received at or after `time`.
///
/// Each row has the greatest `received` up to it. The first row where that reaches `time` is the
/// first whose own `received` does, and unlike `received` it never falls: it can be searched by
/// halves.
pub(crate) fn at(connection: &Connection, time: Timestamp) -> Result<Seq, Damage> {
    let Bounds { first, last } = bounds(connection)?;
    let time = microseconds_from(time);
    let (mut from, mut to) = (first.0, last.0 + 1);
    while from < to {
        let middle = from.midpoint(to);
        match latest_from(connection, Seq(middle), Seq(to))? {
            Some((seq, latest)) if latest < time => from = seq.0 + 1,
            // Also where nothing is left between: then it is decided further in front.
            _ => to = middle,
        }
    }
    // Where retention stopped between two events, the greatest time before may be that of one
    // that is gone: then the event that is meant stands a little further on.
    let found = connection
        .prepare_cached(
            "SELECT seq FROM event WHERE seq >= ?1 AND received >= ?2 ORDER BY seq LIMIT 1",
        )?
        .query_row((to_integer(Seq(from)), time), |row| row.get::<_, i64>(0))
        .optional();
    let found = match found {
        // Reading from here on will name what is damaged.
        Err(error) if is_corruption(&error) => return Ok(Seq(from - 1)),
        found => found?,
    };
    let found = found.and_then(|found| u64::try_from(found).ok());
    Ok(found.map_or(last, |found| Seq(found.saturating_sub(1))))
}

/// The first event from `from` on and before `to` that can be read, and the greatest `received` up to
/// it.
fn latest_from(connection: &Connection, from: Seq, to: Seq) -> Result<Option<(Seq, i64)>, Damage> {
    let mut select = connection.prepare_cached(
        "SELECT seq, latest FROM event WHERE seq >= ?1 AND seq < ?2 ORDER BY seq LIMIT 1",
    )?;
    let mut from = from;
    while from < to {
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?));
        match select.query_row((to_integer(from), to_integer(to)), row).optional() {
            Err(error) if is_corruption(&error) => from = from.next(),
            found => {
                let found = found?;
                let seq = |(seq, latest)| Some((Seq(u64::try_from(seq).ok()?), latest));
                return Ok(found.and_then(seq));
            }
        }
    }
    Ok(None)
}

/// The first whole microsecond at or after a time.
fn microseconds_from(time: Timestamp) -> i64 {
    let microseconds = time.as_nanosecond().div_euclid(1000)
        + i128::from(time.as_nanosecond().rem_euclid(1000) != 0);
    i64::try_from(microseconds).unwrap_or(i64::MAX)
}
