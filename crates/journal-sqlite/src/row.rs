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
