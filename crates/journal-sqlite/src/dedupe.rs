//! What was ever taken: digests, and the `uuid`s of each source.

use laniakea_event::{Seq, SignerId, VerifiedEvent};
use laniakea_journal::Entry;
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use uuid::Uuid;

use crate::row::to_integer;

/// The tables `taken_digest` and `taken_uuid` within one transaction.
pub(crate) struct Dedupe<'c> {
    insert_digest: CachedStatement<'c>,
    select_digest: CachedStatement<'c>,
    insert_uuid: CachedStatement<'c>,
    select_uuid: CachedStatement<'c>,
}

/// Whether an event is new.
pub(crate) enum Taken {
    /// It is, and from now on it is not.
    Now,
    /// The digest was taken at this seq.
    Before(Seq),
    /// This source used the `uuid` for another digest.
    Conflict(SignerId),
}

impl<'c> Dedupe<'c> {
    pub(crate) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert_digest: connection.prepare_cached(
                "INSERT INTO taken_digest (time, digest, seq) VALUES (?1, ?2, ?3)
                    ON CONFLICT DO NOTHING",
            )?,
            select_digest: connection
                .prepare_cached("SELECT seq FROM taken_digest WHERE time = ?1 AND digest = ?2")?,
            insert_uuid: connection.prepare_cached(
                "INSERT INTO taken_uuid (signer, uuid) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?,
            select_uuid: connection
                .prepare_cached("SELECT 1 FROM taken_uuid WHERE signer = ?1 AND uuid = ?2")?,
        })
    }

    /// Takes an event at this seq, unless it or its `uuid` was taken before.
    pub(crate) fn take(&mut self, entry: &Entry, seq: Seq) -> rusqlite::Result<Taken> {
        let uuid = entry.event.uuid().map(sortable);
        if let Some(signer) = self.source_that_used(entry, uuid)? {
            // The very same event used it, or another one did.
            let before = self.seq_of(&entry.event)?;
            return Ok(before.map_or(Taken::Conflict(signer), Taken::Before));
        }
        let (time, digest) = (time_of(&entry.event), entry.event.digest());
        if self.insert_digest.execute((time, digest.as_bytes(), to_integer(seq)))? == 0 {
            let before = self.seq_of(&entry.event)?;
            return Ok(Taken::Before(before.unwrap_or_default()));
        }
        if let Some(uuid) = uuid {
            for signer in &entry.sources {
                self.insert_uuid.execute((signer.as_str(), &uuid))?;
            }
        }
        Ok(Taken::Now)
    }

    fn source_that_used(
        &mut self,
        entry: &Entry,
        uuid: Option<[u8; 16]>,
    ) -> rusqlite::Result<Option<SignerId>> {
        let Some(uuid) = uuid else {
            return Ok(None);
        };
        for signer in &entry.sources {
            if self.select_uuid.exists((signer.as_str(), &uuid))? {
                return Ok(Some(signer.clone()));
            }
        }
        Ok(None)
    }

    fn seq_of(&mut self, event: &VerifiedEvent) -> rusqlite::Result<Option<Seq>> {
        let key = (time_of(event), event.digest());
        let seq = self.select_digest.query_row((key.0, key.1.as_bytes()), |row| row.get(0));
        Ok(seq.optional()?.map(|seq: i64| Seq(u64::try_from(seq).unwrap_or_default())))
    }
}

/// The time in the signed bytes, in microseconds. Whoever changes how times are read has to
/// migrate these keys, or duplicates are taken for new.
fn time_of(event: &VerifiedEvent) -> i64 {
    // No text of four-digit years is beyond what fits; were there one, its key would still be
    // the same each time.
    i64::try_from(event.time().since_epoch().as_micros()).unwrap_or(i64::MAX)
}

/// The time of a version-1 `uuid` from its high part to its low: new rows of a source then stand
/// together, as they do by time. Other versions are moved about just the same.
fn sortable(uuid: Uuid) -> [u8; 16] {
    let bytes = uuid.as_bytes();
    let mut sorted = *bytes;
    sorted[0..2].copy_from_slice(&bytes[6..8]);
    sorted[2..4].copy_from_slice(&bytes[4..6]);
    sorted[4..8].copy_from_slice(&bytes[0..4]);
    sorted
}
