//! Private parsers, within reach of `tests/fuzz`.

use std::collections::BTreeMap;

use laniakea_event::{Digest, EventId, Prefix, Seq};
use laniakea_journal::{Budget, Selection, StoredEvent};
use rusqlite::{Connection, types::Value};

use crate::{
    block::{self, Block},
    error::Damage,
    row, schema,
};

/// A column of a row, of any of the types that SQLite has. A text may be no UTF-8.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// `NULL`.
    Null,
    /// An integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// A text of these bytes.
    Text(Vec<u8>),
    /// A blob.
    Blob(Vec<u8>),
}

/// Rows as a journal would find them in its file.
pub struct Rows(Connection);

impl Rows {
    /// An empty journal in memory.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn new() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(schema::STEPS[0])?;
        Ok(Self(connection))
    }

    /// Decodes the six columns of an event.
    ///
    /// # Errors
    ///
    /// What stands there is no event.
    pub fn event(&self, columns: &[Column; 6]) -> Result<StoredEvent, Damage> {
        let names: Vec<String> = (1..).zip(columns).map(|(at, column)| column.name(at)).collect();
        let mut select = self.0.prepare_cached(&format!("SELECT {}", names.join(", ")))?;
        let mut rows =
            select.query(rusqlite::params_from_iter(columns.iter().map(Column::value)))?;
        row::decode(rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// The seqs that a block of the index names for its events of this id, and those for this
    /// digest, if the block's blobs are these and its checksums hold.
    ///
    /// # Errors
    ///
    /// The blobs are no index.
    pub fn index(
        &self,
        number: u64,
        (id, offsets): (&str, &[u8]),
        (digest, entries): (&Digest, &[u8]),
        prefix: &Prefix,
    ) -> Result<(BTreeMap<Seq, EventId>, Vec<Seq>), Damage> {
        let block = Block(number);
        self.0.execute_batch("DELETE FROM id_block; DELETE FROM digest_block")?;
        let checksum = block::block_checksum(block, id.as_bytes(), offsets);
        let mut insert = self.0.prepare_cached("INSERT INTO id_block VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute((block.to_integer(), id, offsets, checksum))?;
        let bucket = digest.as_bytes()[0];
        let checksum = block::block_checksum(block, &[bucket], entries);
        let mut insert =
            self.0.prepare_cached("INSERT INTO digest_block VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute((block.to_integer(), bucket, entries, checksum))?;
        let selection = Selection::new(std::slice::from_ref(prefix));
        let mut spending = Budget::UNLIMITED.spend();
        let selected = block::seqs_selected(&self.0, block, &selection, &mut spending)?;
        Ok((selected, block::seqs_by_digest(&self.0, block, digest)?))
    }
}

impl Column {
    /// How the column is written in a statement.
    fn name(&self, at: usize) -> String {
        match self {
            // Bound as a blob: a text that is bound has to be UTF-8.
            Self::Text(_) => format!("CAST(?{at} AS TEXT)"),
            _ => format!("?{at}"),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Real(double) => Value::Real(*double),
            Self::Text(bytes) | Self::Blob(bytes) => Value::Blob(bytes.clone()),
        }
    }
}

/// The checksum of an event's columns: seq, received, id, digest and frame.
pub fn event_checksum(seq: i64, received: i64, id: &[u8], digest: &[u8], frame: &[u8]) -> i64 {
    let parts = [&seq.to_le_bytes()[..], &received.to_le_bytes(), id, digest, frame];
    i64::from(row::checksum(&parts))
}
