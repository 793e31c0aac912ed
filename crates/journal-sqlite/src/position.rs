//! Where things stand: bounds, and the place of a moment.

use jiff::Timestamp;
use laniakea_event::Seq;
use laniakea_journal::{Bounds, Budget, Spending};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{
    error::{Damage, is_corruption},
    prefixes,
    row::{self, to_integer},
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
///
/// Where the budget is spent, the events before `from` are certain to have been received before
/// `time`, and reading may begin there.
pub(crate) fn at(connection: &Connection, time: Timestamp, budget: Budget) -> Result<Seq, Damage> {
    let Bounds { first, last } = bounds(connection)?;
    let time = microseconds_from(time);
    let mut spending = budget.spend();
    let (mut from, mut to) = (first.0, last.0 + 1);
    while from < to {
        let middle = from.midpoint(to);
        match latest_from(connection, Seq(middle), Seq(to), &mut spending)? {
            Some((seq, latest)) if latest < time => from = seq.0 + 1,
            // Also where nothing is left between: then it is decided further in front.
            _ => to = middle,
        }
    }
    // Where retention stopped between two events, the greatest time before may be that of one
    // that is gone: then the event that is meant stands further on.
    let mut select = connection
        .prepare_cached("SELECT seq, received FROM event WHERE seq >= ?1 ORDER BY seq")?;
    let mut rows = select.query([to_integer(Seq(from))])?;
    let mut before = Seq(from - 1);
    while !spending.is_spent() {
        let row = match rows.next() {
            // Reading from here on will name what is damaged.
            Err(error) if is_corruption(&error) => return Ok(before),
            row => row?,
        };
        let Some(row) = row else { return Ok(last) };
        // As above, of one column.
        if row.get(1).is_ok_and(|received: i64| received < time) {
            before = row::seq(row, 0)?;
            spending.add(1);
        } else {
            return Ok(before);
        }
    }
    Ok(before)
}

/// The first event from `from` on and before `to` that can be read, and the greatest `received` up to
/// it.
fn latest_from(
    connection: &Connection,
    from: Seq,
    to: Seq,
    spending: &mut Spending,
) -> Result<Option<(Seq, i64)>, Damage> {
    let mut select = connection.prepare_cached(
        "SELECT seq, latest FROM event WHERE seq >= ?1 AND seq < ?2 ORDER BY seq LIMIT 1",
    )?;
    let mut from = from;
    while from < to && !spending.is_spent() {
        spending.add(1);
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
