//! Where things stand: bounds, and the place of a moment.

use jiff::Timestamp;
use laniakea_event::Seq;
use laniakea_journal::Bounds;
use rusqlite::{Connection, OptionalExtension};

use crate::{
    error::{Damage, EventDamage},
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
    let mut select = connection.prepare_cached("SELECT latest FROM event WHERE seq = ?1")?;
    let (mut from, mut to) = (first.0, last.0 + 1);
    while from < to {
        let middle = from.midpoint(to);
        let seq = Seq(middle);
        let latest: Option<i64> =
            select.query_row([to_integer(seq)], |row| row.get(0)).optional()?;
        let missing = Damage::Event { seq, what: EventDamage::Missing };
        if latest.ok_or(missing)? >= time {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    // Where retention stopped between two events, the greatest time before may be that of one
    // that is gone: then the event that is meant stands a little further on.
    let found: Option<i64> = connection
        .prepare_cached(
            "SELECT seq FROM event WHERE seq >= ?1 AND received >= ?2 ORDER BY seq LIMIT 1",
        )?
        .query_row((to_integer(Seq(from)), time), |row| row.get(0))
        .optional()?;
    let found = found.and_then(|found| u64::try_from(found).ok());
    Ok(found.map_or(last, |found| Seq(found.saturating_sub(1))))
}

/// The first whole microsecond at or after a time.
fn microseconds_from(time: Timestamp) -> i64 {
    let microseconds = time.as_nanosecond().div_euclid(1000)
        + i128::from(time.as_nanosecond().rem_euclid(1000) != 0);
    i64::try_from(microseconds).unwrap_or(i64::MAX)
}
