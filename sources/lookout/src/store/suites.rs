//! What was seen of each suite, and the one transaction that moves it on.

use std::collections::BTreeMap;

use laniakea_event::SignedEvent;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Store, StoreError, outbox, rows};
use crate::{
    apt::{
        fetch::Validators,
        index::{Entries, IndexName},
    },
    config::SuiteName,
    look::{Known, ReleaseFacts, Seen, SeenIndex},
};

/// What the indexes of a suite hold; `None` for those that it does not have.
pub type Indexes = BTreeMap<IndexName, Option<Entries>>;

impl Store {
    /// What is known of a suite; `None` before the first look.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn known(&self, suite: &SuiteName) -> Result<Option<Known>, StoreError> {
        let Some(id) = suite_id(&self.connection, suite)? else { return Ok(None) };
        let (release, validators) = self.connection.query_row(
            "SELECT release_sha256, codename, date, valid_until, url, etag, last_modified
             FROM suite WHERE id = ?1",
            [id],
            |row| Ok((release(row)?, validators(row)?)),
        )?;
        let indexes = index_rows(&self.connection, id)?;
        let indexes = indexes.into_iter().map(|(_, name, sha256)| (name, sha256)).collect();
        Ok(Some(Known { validators, release, indexes }))
    }

    /// What the indexes of a suite held; `None` before the first look.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn indexes(&self, suite: &SuiteName) -> Result<Option<Indexes>, StoreError> {
        let Some(id) = suite_id(&self.connection, suite)? else { return Ok(None) };
        let mut indexes = Indexes::new();
        for (index, name, sha256) in index_rows(&self.connection, id)? {
            let read = |_| rows::read(&self.connection, index, &name.kind);
            let entries = sha256.map(read).transpose()?;
            indexes.insert(name, entries);
        }
        Ok(Some(indexes))
    }

    /// Keeps another way to ask for what is known already.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn revalidate(&self, suite: &SuiteName, with: &Validators) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE suite SET url = ?3, etag = ?4, last_modified = ?5
             WHERE archive = ?1 AND name = ?2",
            params![suite.archive, suite.suite, with.url, with.etag, with.last_modified],
        )?;
        Ok(())
    }

    /// Moves the state of a suite on and puts the events that tell of it into the outbox: both or
    /// neither. On the disk when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`]; nothing has changed then.
    pub fn advance(
        &mut self,
        suite: &SuiteName,
        seen: &Seen,
        events: &[SignedEvent],
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        let id = write_suite(&transaction, suite, seen)?;
        for (index, name, _) in index_rows(&transaction, id)? {
            if !matches!(seen.indexes.get(&name), Some(SeenIndex::Same(_))) {
                transaction.execute("DELETE FROM suite_index WHERE id = ?1", [index])?;
            }
        }
        for (name, index) in &seen.indexes {
            write_index(&transaction, id, name, index)?;
        }
        outbox::put(&transaction, events)?;
        Ok(transaction.commit()?)
    }
}

fn suite_id(connection: &Connection, suite: &SuiteName) -> rusqlite::Result<Option<i64>> {
    let query = "SELECT id FROM suite WHERE archive = ?1 AND name = ?2";
    connection.query_row(query, [&suite.archive, &suite.suite], |row| row.get(0)).optional()
}

/// The row of an index, its name, and its hash if the suite has it.
type IndexRow = (i64, IndexName, Option<[u8; 32]>);

fn index_rows(connection: &Connection, suite: i64) -> rusqlite::Result<Vec<IndexRow>> {
    let mut query = connection.prepare_cached(
        "SELECT id, component, architecture, sha256 FROM suite_index WHERE suite = ?1",
    )?;
    let rows = query.query_map([suite], |row| {
        let component = row.get_ref(1)?.as_str()?;
        let name = IndexName::new(component, row.get_ref(2)?.as_str()?);
        let absent = row.get_ref(3)? == rusqlite::types::ValueRef::Null;
        let sha256 = if absent { None } else { Some(rows::sha256(row, 3)?) };
        Ok((row.get(0)?, name, sha256))
    })?;
    rows.collect()
}

fn write_suite(connection: &Connection, suite: &SuiteName, seen: &Seen) -> rusqlite::Result<i64> {
    let Seen { release, validators, .. } = seen;
    connection.query_row(
        "INSERT INTO suite (archive, name, release_sha256, codename, date, valid_until,
                            url, etag, last_modified)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (archive, name) DO UPDATE SET
             release_sha256 = ?3, codename = ?4, date = ?5, valid_until = ?6,
             url = ?7, etag = ?8, last_modified = ?9
         RETURNING id",
        params![
            suite.archive,
            suite.suite,
            release.sha256,
            release.codename,
            release.date.as_second(),
            release.valid_until.map(jiff::Timestamp::as_second),
            validators.url,
            validators.etag,
            validators.last_modified
        ],
        |row| row.get(0),
    )
}

fn write_index(
    connection: &Connection,
    suite: i64,
    name: &IndexName,
    index: &SeenIndex,
) -> rusqlite::Result<()> {
    let (sha256, entries) = match index {
        SeenIndex::Same(_) => return Ok(()),
        SeenIndex::Absent => (None, None),
        SeenIndex::Read(sha256, entries) => (Some(sha256), Some(entries)),
    };
    connection.execute(
        "INSERT INTO suite_index (suite, component, architecture, sha256)
         VALUES (?1, ?2, ?3, ?4)",
        params![suite, name.component, name.architecture(), sha256],
    )?;
    let row = connection.last_insert_rowid();
    entries.map_or(Ok(()), |entries| rows::write(connection, row, entries))
}

fn release(row: &Row<'_>) -> rusqlite::Result<ReleaseFacts> {
    let valid_until: Option<i64> = row.get(3)?;
    Ok(ReleaseFacts {
        sha256: rows::sha256(row, 0)?,
        codename: row.get(1)?,
        date: rows::time(row, 2)?,
        valid_until: valid_until.map(|_| rows::time(row, 3)).transpose()?,
    })
}

fn validators(row: &Row<'_>) -> rusqlite::Result<Validators> {
    Ok(Validators { url: row.get(4)?, etag: row.get(5)?, last_modified: row.get(6)? })
}
