//! The last event under each prefix: where the `prev` of a frame comes from.

use std::collections::BTreeMap;

use laniakea_event::{EventId, Seq};
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use crate::row::to_integer;

/// More prefixes than any honest set of sources uses; a hostile one shall not fill the memory.
const CACHE_LIMIT: usize = 10_000;

/// Prefixes as they stand in the table, as far as they were used lately.
#[derive(Debug, Default)]
pub(crate) struct PrefixCache(BTreeMap<String, Seq>);

impl PrefixCache {
    /// Takes over what a transaction that is now committed wrote.
    pub(crate) fn adopt(&mut self, written: BTreeMap<String, Seq>) {
        if self.0.len() + written.len() > CACHE_LIMIT {
            self.0.clear();
        }
        self.0.extend(written);
    }
}

/// The table `prefix_last` within one transaction.
pub(crate) struct Prefixes<'c> {
    cache: &'c PrefixCache,
    changed: BTreeMap<String, Seq>,
    select: CachedStatement<'c>,
}

impl<'c> Prefixes<'c> {
    pub(crate) fn new(
        connection: &'c Connection,
        cache: &'c PrefixCache,
    ) -> rusqlite::Result<Self> {
        let select = connection.prepare_cached("SELECT seq FROM prefix_last WHERE prefix = ?1")?;
        Ok(Self { cache, changed: BTreeMap::new(), select })
    }

    /// Makes an event the last one under each of its prefixes and says which was before.
    pub(crate) fn advance(
        &mut self,
        id: &EventId,
        seq: Seq,
    ) -> rusqlite::Result<BTreeMap<String, Seq>> {
        id.prefixes()
            .map(|prefix| {
                let prefix = prefix.to_owned();
                if let Some(last) = self.changed.get_mut(&prefix) {
                    return Ok((prefix, std::mem::replace(last, seq)));
                }
                let before = match self.cache.0.get(&prefix) {
                    Some(before) => *before,
                    None => read(&mut self.select, &prefix)?,
                };
                self.changed.insert(prefix.clone(), seq);
                Ok((prefix, before))
            })
            .collect()
    }

    /// Writes each changed prefix once, and hands them over for [`PrefixCache::adopt`].
    pub(crate) fn write(self, connection: &Connection) -> rusqlite::Result<BTreeMap<String, Seq>> {
        let mut insert = connection.prepare_cached(
            "INSERT INTO prefix_last (prefix, seq) VALUES (?1, ?2)
                ON CONFLICT DO UPDATE SET seq = excluded.seq",
        )?;
        for (prefix, seq) in &self.changed {
            insert.execute((prefix, to_integer(*seq)))?;
        }
        Ok(self.changed)
    }
}

/// The last event of the journal, which is the last under the empty prefix.
pub(crate) fn last(connection: &Connection) -> rusqlite::Result<Seq> {
    let mut select = connection.prepare_cached("SELECT seq FROM prefix_last WHERE prefix = ?1")?;
    read(&mut select, "")
}

fn read(select: &mut CachedStatement<'_>, prefix: &str) -> rusqlite::Result<Seq> {
    let seq: Option<i64> = select.query_row([prefix], |row| row.get(0)).optional()?;
    Ok(Seq(seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_stream_of_new_ids_fills_no_memory_and_breaks_no_chain() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(crate::schema::STEPS[0]).unwrap();
        let mut cache = PrefixCache::default();
        for seq in 1..=6000 {
            let mut prefixes = Prefixes::new(&connection, &cache).unwrap();
            let id = EventId::parse(&format!("_lk.m{seq}.x")).unwrap();
            let prev = prefixes.advance(&id, Seq(seq)).unwrap();
            assert_eq!(prev[""], Seq(seq - 1));
            assert_eq!(prev["_lk."], Seq(seq - 1));
            assert_eq!(prev[id.as_str()], Seq(0));
            let written = prefixes.write(&connection).unwrap();
            cache.adopt(written);
            assert!(cache.0.len() <= CACHE_LIMIT);
        }
        // One that the cache forgot long ago.
        let mut prefixes = Prefixes::new(&connection, &cache).unwrap();
        let prev = prefixes.advance(&EventId::parse("_lk.m1.x").unwrap(), Seq(6001)).unwrap();
        assert_eq!(prev["_lk.m1."], Seq(1));
        assert_eq!(last(&connection).unwrap(), Seq(6000));
    }
}
