//! One event as a row, and the row as an event again.

use laniakea_event::{Digest, EventId, Seq};
use laniakea_journal::{JournaledEvent, StoredEvent};
use rusqlite::{CachedStatement, Connection, Row, types::ValueRef};

use crate::error::{Damage, EventDamage};

/// What [`decode`] reads, in its order.
pub(crate) const COLUMNS: &str = "seq, received, id, digest, checksum, frame";

/// Writes rows of the table `event`.
pub(crate) struct Insert<'c>(CachedStatement<'c>);

impl<'c> Insert<'c> {
    pub(crate) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let insert = "INSERT INTO event (seq, received, latest, id, digest, checksum, frame)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        connection.prepare_cached(insert).map(Self)
    }

    pub(crate) fn execute(&mut self, event: &JournaledEvent, latest: i64) -> rusqlite::Result<()> {
        let (seq, digest) = (to_integer(event.seq()), event.digest());
        let received = event.received().as_microsecond();
        let parts = [
            &seq.to_le_bytes()[..],
            &received.to_le_bytes(),
            event.id().as_str().as_bytes(),
            digest.as_bytes(),
            event.frame(),
        ];
        let (id, frame) = (event.id().as_str(), &event.frame()[..]);
        let row = (seq, received, latest, id, digest.as_bytes(), checksum(&parts), frame);
        self.0.execute(row).map(drop)
    }
}

/// Reads a row of [`COLUMNS`]; whatever stands in it, the worst outcome is an error.
pub(crate) fn decode(row: &Row<'_>) -> Result<StoredEvent, Damage> {
    let seq = seq(row, 0)?;
    decode_columns(row, seq).map_err(|what| Damage::Event { seq, what })
}

fn decode_columns(row: &Row<'_>, seq: Seq) -> Result<StoredEvent, EventDamage> {
    let received = integer(row, 1, "received")?;
    let id = event_id(row, 2)?;
    let digest = digest(row, 3)?;
    let frame = value(row, 5, "frame")?.as_blob().map_err(|_| EventDamage::Column("frame"))?;
    let parts = [
        &to_integer(seq).to_le_bytes()[..],
        &received.to_le_bytes(),
        id.as_str().as_bytes(),
        digest.as_bytes(),
        frame,
    ];
    if integer(row, 4, "checksum")? != i64::from(checksum(&parts)) {
        return Err(EventDamage::Checksum);
    }
    let received =
        jiff::Timestamp::from_microsecond(received).map_err(|_| EventDamage::Column("received"))?;
    Ok(StoredEvent { seq, id, digest, received, frame: frame.to_vec() })
}

/// The seq in a column.
pub(crate) fn seq(row: &Row<'_>, column: usize) -> Result<Seq, Damage> {
    let what = EventDamage::Column("seq");
    let seq = integer(row, column, "seq").ok().and_then(|integer| u64::try_from(integer).ok());
    seq.map(Seq).ok_or(Damage::Event { seq: Seq::START, what })
}

/// The event id in a column.
pub(crate) fn event_id(row: &Row<'_>, column: usize) -> Result<EventId, EventDamage> {
    let text = value(row, column, "id")?.as_str().ok();
    text.and_then(|text| EventId::parse(text).ok()).ok_or(EventDamage::Column("id"))
}

/// The digest in a column.
pub(crate) fn digest(row: &Row<'_>, column: usize) -> Result<Digest, EventDamage> {
    let bytes = value(row, column, "digest")?.as_blob().ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(Digest::from_bytes).ok_or(EventDamage::Column("digest"))
}

fn integer(row: &Row<'_>, column: usize, name: &'static str) -> Result<i64, EventDamage> {
    value(row, column, name)?.as_i64().map_err(|_| EventDamage::Column(name))
}

fn value<'r>(
    row: &'r Row<'_>,
    column: usize,
    name: &'static str,
) -> Result<ValueRef<'r>, EventDamage> {
    row.get_ref(column).map_err(|_| EventDamage::Column(name))
}

/// A seq as SQLite holds it; what is beyond its integers is behind every event.
pub(crate) fn to_integer(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// The CRC-32 of these parts one after the other.
pub(crate) fn checksum(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use super::*;

    /// Values of every kind that SQLite has, among them texts that are none.
    const VALUES: &str = "SELECT NULL UNION ALL SELECT 0 UNION ALL SELECT -1
        UNION ALL SELECT 9223372036854775807 UNION ALL SELECT 1.5 UNION ALL SELECT 'a.b.c'
        UNION ALL SELECT '' UNION ALL SELECT CAST(x'ff00' AS TEXT) UNION ALL SELECT x''
        UNION ALL SELECT zeroblob(32) UNION ALL SELECT zeroblob(100000)";

    #[test]
    fn whatever_stands_in_a_row_is_an_event_or_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        // Two of the six columns are foreign at a time, and then all of them.
        for columns in [
            "a, b, 'a.b.c', zeroblob(32), 5, x'00'",
            "1, 2, a, b, 5, x'00'",
            "1, 2, 'a.b.c', a, b, x'00'",
            "1, 2, 'a.b.c', zeroblob(32), a, b",
            "a, b, a, b, a, b",
        ] {
            let mut select = connection
                .prepare(&format!("WITH v(x) AS ({VALUES}), p AS (SELECT v.x AS a, w.x AS b FROM v, v AS w) SELECT {columns} FROM p"))
                .unwrap();
            let mut rows = select.query([]).unwrap();
            let mut count = 0;
            while let Some(row) = rows.next().unwrap() {
                let error = decode(row).unwrap_err();
                assert!(matches!(error, Damage::Event { .. }), "{error}");
                count += 1;
            }
            assert_eq!(count, 121);
        }
    }

    #[test]
    fn the_checksum_covers_every_column_that_is_served() {
        let connection = Connection::open_in_memory().unwrap();
        let sum =
            checksum(&[&1_i64.to_le_bytes(), &2_i64.to_le_bytes(), b"a.b.c", &[0; 32], b"{}"]);
        let decoded = |change: &str, value: Value| {
            let columns = ["seq", "received", "id", "digest", "checksum", "frame"];
            let columns = columns.map(|name| if name == change { "?1" } else { name }).join(", ");
            let select = format!(
                "SELECT {columns} FROM (SELECT 1 AS seq, 2 AS received, 'a.b.c' AS id,
                    zeroblob(32) AS digest, {sum} AS checksum, CAST('{{}}' AS BLOB) AS frame, ?1)"
            );
            let mut select = connection.prepare(&select).unwrap();
            let mut rows = select.query([value]).unwrap();
            decode(rows.next().unwrap().unwrap())
        };
        let event = decoded("", Value::Null).unwrap();
        assert_eq!((event.seq, event.frame), (Seq(1), b"{}".to_vec()));
        for (column, value) in [
            ("seq", Value::Integer(2)),
            ("received", Value::Integer(3)),
            ("id", Value::Text("a.b.d".to_owned())),
            ("digest", Value::Blob([1; 32].into())),
            ("checksum", Value::Integer(i64::from(sum) + (1 << 32))),
            ("frame", Value::Blob(b"[]".into())),
        ] {
            let error = decoded(column, value).unwrap_err();
            assert!(matches!(error, Damage::Event { what: EventDamage::Checksum, .. }), "{column}");
        }
    }
}
