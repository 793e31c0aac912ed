//! The index: per block of 4,096 events, which of them have an id and which a digest.
//!
//! Trees of single events by id and by digest would touch a page of the file for almost every
//! event and cost several times what the rest of an append does; a block costs a few hundred
//! rows at once. Reading pays for it with a scan of the events behind the last complete block.

use std::collections::BTreeMap;

use laniakea_event::{Digest, EventId, Seq};
use laniakea_journal::{Selection, Spending};
use rusqlite::{Connection, Row};

use crate::{error::Damage, row};

/// How many seqs a block has; offsets in it fit into two bytes.
const LEN: u64 = 4096;

/// Digits of the digest in a bucket's entry, and the bytes of its offset.
const DIGITS: usize = 6;
const ENTRY: usize = DIGITS + 2;

/// A run of seqs: block n holds those from n · 4096 + 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block(pub(crate) u64);

impl Block {
    /// The block that holds this seq, which is not 0.
    pub(crate) fn of(seq: Seq) -> Self {
        Self(seq.0.saturating_sub(1) / LEN)
    }

    /// The first block that is not complete in a journal with this last event.
    pub(crate) fn first_incomplete(last: Seq) -> Self {
        Self(last.0 / LEN)
    }

    /// The seq before the block's first.
    pub(crate) fn start(self) -> Seq {
        Seq(self.0 * LEN)
    }

    /// The block's last seq.
    pub(crate) fn end(self) -> Seq {
        Seq((self.0 + 1) * LEN)
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    pub(crate) fn to_integer(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    fn offset_of(self, seq: Seq) -> [u8; 2] {
        u16::try_from(seq.0 - self.start().0 - 1).unwrap_or(u16::MAX).to_le_bytes()
    }

    /// The seq at an offset, which is damaged where it leads out of the block.
    fn seq_at(self, offset: [u8; 2]) -> Result<Seq, Damage> {
        let offset = u64::from(u16::from_le_bytes(offset));
        if offset < LEN { Ok(Seq(self.start().0 + 1 + offset)) } else { Err(self.damage()) }
    }

    fn damage(self) -> Damage {
        Damage::Index { block: self.0 }
    }
}

/// An event that is not indexed yet.
#[derive(Debug, Clone)]
pub(crate) struct Unindexed {
    pub(crate) seq: Seq,
    pub(crate) id: EventId,
    pub(crate) digest: Digest,
}

/// Reads the events behind the last complete block.
pub(crate) fn unindexed(connection: &Connection, last: Seq) -> Result<Vec<Unindexed>, Damage> {
    let mut select =
        connection.prepare("SELECT seq, id, digest FROM event WHERE seq > ?1 ORDER BY seq")?;
    let mut rows = select.query([row::to_integer(Block::first_incomplete(last).start())])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let seq = row::seq(row, 0)?;
        let columns = row::event_id(row, 1).and_then(|id| Ok((id, row::digest(row, 2)?)));
        let (id, digest) = columns.map_err(|what| Damage::Event { seq, what })?;
        events.push(Unindexed { seq, id, digest });
    }
    Ok(events)
}

/// Indexes a complete block from its events; those that retention removed may be missing.
pub(crate) fn write<'e>(
    connection: &Connection,
    block: Block,
    events: impl Iterator<Item = &'e Unindexed>,
) -> rusqlite::Result<()> {
    let mut ids: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let mut buckets: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for Unindexed { seq, id, digest } in events {
        let offset = block.offset_of(*seq);
        ids.entry(id.as_str()).or_default().extend(offset);
        let entries = buckets.entry(digest.as_bytes()[0]).or_default();
        entries.extend(&digest.as_bytes()[1..=DIGITS]);
        entries.extend(offset);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO id_block (block, id, offsets, checksum) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (id, offsets) in ids {
        let checksum = block_checksum(block, id.as_bytes(), &offsets);
        insert.execute((block.to_integer(), id, offsets, checksum))?;
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO digest_block (block, bucket, entries, checksum) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (bucket, entries) in buckets {
        let checksum = block_checksum(block, &[bucket], &entries);
        insert.execute((block.to_integer(), bucket, entries, checksum))?;
    }
    Ok(())
}

/// Forgets a block all of whose events are gone.
pub(crate) fn remove(connection: &Connection, block: Block) -> rusqlite::Result<()> {
    for table in ["id_block", "digest_block"] {
        let mut delete =
            connection.prepare_cached(&format!("DELETE FROM {table} WHERE block = ?1"))?;
        delete.execute([block.to_integer()])?;
    }
    Ok(())
}

/// The seqs in a complete block that are selected, ascending, with their ids.
///
/// However many prefixes there are, the ids of the block are gone through once, from the first that
/// one of them can mean to the last: to look for each by itself took seconds.
pub(crate) fn seqs_selected(
    connection: &Connection,
    block: Block,
    selection: &Selection<'_>,
    spending: &mut Spending,
) -> Result<BTreeMap<Seq, EventId>, Damage> {
    let mut found = BTreeMap::new();
    let mut select = connection.prepare_cached(
        "SELECT id, offsets, checksum FROM id_block WHERE block = ?1 AND id >= ?2 AND id < ?3",
    )?;
    let (from, to) = id_range(selection);
    let mut rows = select.query((block.to_integer(), from, to))?;
    spending.add(1);
    while let Some(row) = rows.next()? {
        spending.add(1);
        let id = row::event_id(row, 0).map_err(|_| block.damage())?;
        if !selection.selects(&id) {
            continue;
        }
        let offsets = checked::<2>(row, block, id.as_str().as_bytes())?;
        for offset in offsets {
            found.insert(block.seq_at(*offset)?, id.clone());
        }
    }
    Ok(found)
}

/// The ids that are selected are among those from the first of these texts to before the second.
fn id_range<'q>(selection: &Selection<'q>) -> (&'q str, String) {
    let from = selection.prefixes().next().unwrap_or_default();
    (from, selection.prefixes().map(end_of).max().unwrap_or_default())
}

/// The ids that a prefix selects are before this text.
fn end_of(prefix: &str) -> String {
    match prefix.strip_suffix('.') {
        // `/` comes right after `.`.
        Some(labels) => format!("{labels}/"),
        // Ids are ASCII, so nothing comes between a whole id and itself with a NUL behind it.
        None => format!("{prefix}\0"),
    }
}

/// The seqs in a complete block of the events that may have this digest: its first bytes agree.
pub(crate) fn seqs_by_digest(
    connection: &Connection,
    block: Block,
    digest: &Digest,
) -> Result<Vec<Seq>, Damage> {
    let [bucket, digits @ ..] = digest.as_bytes();
    let mut select = connection.prepare_cached(
        "SELECT bucket, entries, checksum FROM digest_block WHERE block = ?1 AND bucket = ?2",
    )?;
    let mut rows = select.query((block.to_integer(), bucket))?;
    let Some(row) = rows.next()? else {
        return Ok(Vec::new());
    };
    let entries = checked::<ENTRY>(row, block, &[*bucket])?;
    let matching = entries.iter().filter(|entry| entry.starts_with(&digits[..DIGITS]));
    matching.map(|entry| block.seq_at([entry[DIGITS], entry[DIGITS + 1]])).collect()
}

/// The entries in the blob of a row of the index, in column 1, if the checksum in column 2 holds.
fn checked<'r, const LENGTH: usize>(
    row: &'r Row<'_>,
    block: Block,
    key: &[u8],
) -> Result<&'r [[u8; LENGTH]], Damage> {
    let blob = row.get_ref(1)?.as_blob().map_err(|_| block.damage())?;
    let claimed = row.get_ref(2)?.as_i64().map_err(|_| block.damage())?;
    if claimed != i64::from(block_checksum(block, key, blob)) {
        return Err(block.damage());
    }
    match blob.as_chunks() {
        (entries, []) => Ok(entries),
        _ => Err(block.damage()),
    }
}

pub(crate) fn block_checksum(block: Block, key: &[u8], blob: &[u8]) -> u32 {
    row::checksum(&[&block.0.to_le_bytes(), key, blob])
}

#[cfg(test)]
mod tests {
    use laniakea_event::Prefix;
    use laniakea_journal::Budget;

    use super::*;

    #[test]
    fn entries_that_lead_out_of_the_block_or_are_cut_off_are_damage() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(crate::schema::STEPS[0]).unwrap();
        let (block, digest) = (Block(3), Digest::from_bytes([7; 32]));
        let prefixes = [Prefix::parse("_lk.").unwrap()];
        let selection = Selection::new(&prefixes);
        let look = |offset: &[u8]| {
            connection.execute_batch("DELETE FROM id_block; DELETE FROM digest_block").unwrap();
            let entries = [&[7; DIGITS], offset].concat();
            for (table, key, blob, as_text) in [
                ("id_block", &b"_lk.core.ping"[..], offset, true),
                ("digest_block", &[7][..], &entries, false),
            ] {
                let checksum = block_checksum(block, key, blob);
                let key = if as_text { "'_lk.core.ping'" } else { "7" };
                let insert = format!("INSERT INTO {table} VALUES (3, {key}, ?1, ?2)");
                connection.execute(&insert, (blob, checksum)).unwrap();
            }
            let mut spending = Budget::UNLIMITED.spend();
            let by_prefix = seqs_selected(&connection, block, &selection, &mut spending);
            (by_prefix.map(|found| found.len()), seqs_by_digest(&connection, block, &digest))
        };
        assert!(matches!(look(&[0xff, 0x0f]), (Ok(1), Ok(found)) if found == [block.end()]));
        for offset in [&[0x00, 0x10][..], &[0xff, 0xff], &[0x05], &[0x05, 0x00, 0x00]] {
            let found = look(offset);
            let is_damage = |error| matches!(error, Damage::Index { block: 3 });
            assert!(found.0.is_err_and(is_damage) && found.1.is_err_and(is_damage), "{offset:?}");
        }
    }
}
