//! What a journal reads from its file, which a disk or a person may have damaged.

use laniakea_event::{Digest, EventId, Prefix, Seq};
use laniakea_journal_sqlite::fuzzing::{Column, Rows, event_checksum};

use crate::input::Input;

thread_local! {
    static ROWS: Rows = Rows::new().expect("there is memory");
}

/// A row of the table of events. Only one whose checksum holds is an event, and exactly what
/// stands there.
pub fn stored_row(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let repairs_checksum = input.byte() < 0x80;
    let mut columns = [(); 6].map(|()| column(&mut input));
    if repairs_checksum {
        repair(&mut columns);
    }
    let Ok(event) = ROWS.with(|rows| rows.event(&columns)) else {
        return;
    };
    let [seq, received, id, digest, checksum, frame] = &columns;
    assert_eq!(*seq, Column::Integer(i64::try_from(event.seq.0).expect("SQLite's integers")));
    assert_eq!(*received, Column::Integer(event.received.as_microsecond()));
    assert_eq!(*id, Column::Text(event.id.as_str().into()));
    assert!(EventId::parse(event.id.as_str()).is_ok());
    assert_eq!(*digest, Column::Blob(event.digest.as_bytes().to_vec()));
    assert_eq!(*frame, Column::Blob(event.frame.clone()));
    let seq = i64::try_from(event.seq.0).unwrap_or_default();
    let expected = event_checksum(
        seq,
        event.received.as_microsecond(),
        event.id.as_str().as_bytes(),
        event.digest.as_bytes(),
        &event.frame,
    );
    assert_eq!(*checksum, Column::Integer(expected));
}

fn column(input: &mut Input<'_>) -> Column {
    match input.below(8) {
        0 => Column::Null,
        1 => Column::Integer(i64::from_le_bytes(input.u64().to_le_bytes())),
        2 => Column::Integer(i64::from(input.byte())),
        3 => Column::Real(f64::from_bits(input.u64())),
        4 => Column::Text(input.counted().to_vec()),
        5 => Column::Text(b"_lk.core.ping".to_vec()),
        6 => Column::Blob(input.counted().to_vec()),
        _ => Column::Blob(vec![input.byte(); 32]),
    }
}

fn repair(columns: &mut [Column; 6]) {
    if let [
        Column::Integer(seq),
        Column::Integer(received),
        Column::Text(id),
        Column::Blob(digest),
        checksum,
        Column::Blob(frame),
    ] = columns
    {
        *checksum = Column::Integer(event_checksum(*seq, *received, id, digest, frame));
    }
}

/// A block of the index. What it names lies in the block and is of the id and the digest that
/// were looked for.
pub fn stored_block(bytes: &[u8]) {
    const LEN: u64 = 4096;
    let mut input = Input::new(bytes);
    // Blocks are found by seqs, which are SQLite's integers.
    let number = input.u64() >> 13;
    let id = String::from_utf8_lossy(input.counted()).into_owned();
    let offsets = input.counted();
    let prefix = ["", "_lk.", "_lk.core.ping", "a.b.", "z."][input.below(5)];
    let prefix = Prefix::parse(prefix).expect("a prefix");
    let digest = Digest::from_bytes([input.byte(); 32]);
    let entries = input.rest();
    let rows = ROWS.with(|rows| rows.index(number, (&id, offsets), (&digest, entries), &prefix));
    let Ok((by_prefix, by_digest)) = rows else {
        return;
    };
    let start = number * LEN;
    let is_inside = |seq: &Seq| seq.0 > start && seq.0 - start <= LEN;
    assert!(by_prefix.keys().all(is_inside), "{by_prefix:?} is not in block {number}");
    assert!(by_digest.iter().all(is_inside), "{by_digest:?} is not in block {number}");
    assert!(by_prefix.values().all(|found| prefix.matches(found) && found.as_str() == id));
    assert!(by_prefix.len() <= offsets.len() / 2 && by_digest.len() <= entries.len() / 8);
}
