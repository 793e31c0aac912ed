//! A journal that is only read, whether a relay writes it meanwhile or not.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use laniakea_event::Digest;
use laniakea_journal::{Bounds, Budget, JournalError, Page, Query, StoredEvent};
use uuid::Uuid;

use crate::{
    BackupError, Damage, OpenError, backup, check, find, open, page, position, readers::Readers,
    schema,
};

/// A journal, or a copy that [`Self::back_up`] made, without the right to write.
///
/// Every call sees one moment of the journal. A relay that writes meanwhile neither waits nor is
/// waited for.
pub struct JournalReader {
    path: PathBuf,
    id: Uuid,
    readers: Readers,
}

impl JournalReader {
    /// Opens the file, which must be there; nothing is checked but what it is.
    ///
    /// # Errors
    ///
    /// It is not there, no journal, or of a version that this relay does not read.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let inaccessible = |source| OpenError::Inaccessible { path: path.to_owned(), source };
        let path = open::resolve(path).map_err(inaccessible)?;
        open::check_kind(&path)?;
        if open::read_header(&path)?.is_none() {
            let source = io::ErrorKind::NotFound.into();
            return Err(OpenError::Inaccessible { path, source });
        }
        let readers = Readers::new(path.clone());
        let id = readers.connect().map_err(Damage::from).and_then(|connection| {
            let version: i64 =
                connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((version, check::journal_id(&connection)))
        });
        let (version, id) = id.map_err(|damage| into_open_error(&path, damage))?;
        check_version(&path, version)?;
        let id = id.map_err(|damage| into_open_error(&path, damage))?;
        Ok(Self { path, id, readers })
    }

    /// The file, by its one real name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// As [`laniakea_journal::Journal::read`].
    pub fn read(&self, query: &Query) -> Result<Page, JournalError> {
        self.readers.read(|connection| page::read(connection, query))
    }

    /// As [`laniakea_journal::Journal::find`].
    pub fn find(&self, digest: &Digest) -> Result<Option<StoredEvent>, JournalError> {
        self.readers.read(|connection| find::by_digest(connection, digest))
    }

    /// As [`laniakea_journal::Journal::position_at`].
    pub fn position_at(
        &self,
        time: jiff::Timestamp,
        budget: Budget,
    ) -> Result<laniakea_event::Seq, JournalError> {
        self.readers.read(|connection| position::at(connection, time, budget))
    }

    /// As [`laniakea_journal::Journal::bounds`].
    pub fn bounds(&self) -> Result<Bounds, JournalError> {
        self.readers.read(position::bounds)
    }

    /// Lets SQLite check the whole file, and compares the tables with each other. It takes as long
    /// as reading the file once.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), JournalError> {
        self.readers.read(check::check_whole)
    }

    /// Copies the journal, as it is at this moment, to a new file, and tells how many of how many
    /// pages are copied. The copy is on disk when this returns; until then it has another name.
    ///
    /// # Errors
    ///
    /// The file exists, cannot be written, or the journal cannot be read or is damaged.
    pub fn back_up(
        &self,
        to: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), BackupError> {
        let source = self.readers.connect().map_err(BackupError::Read)?;
        backup::copy(&source, to, progress)
    }
}

impl fmt::Debug for JournalReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JournalReader")
            .field("path", &self.path)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn check_version(path: &Path, found: i64) -> Result<(), OpenError> {
    let (path, known) = (path.to_owned(), schema::STEPS.len());
    match usize::try_from(found) {
        Ok(version) if version == known => Ok(()),
        Ok(version) if version > known => Err(OpenError::Newer { path, found, known }),
        _ => Err(OpenError::Older { path, found, known }),
    }
}

fn into_open_error(path: &Path, damage: Damage) -> OpenError {
    match damage {
        Damage::Sqlite(error) => schema::setup_error(path, error),
        source => OpenError::Damaged { path: path.to_owned(), source },
    }
}
