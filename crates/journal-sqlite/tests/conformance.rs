//! The journal in SQLite keeps the contract.

use std::sync::atomic::{AtomicU64, Ordering};

use laniakea_journal::{
    Journal,
    conformance::{Factory, fixture},
};
use laniakea_journal_sqlite::SqliteJournal;
use tempfile::TempDir;
use uuid::Uuid;

/// Journals in one directory, each in the file that is named after its id.
struct InFiles {
    directory: TempDir,
    next: AtomicU64,
}

impl InFiles {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("a temporary directory"), next: AtomicU64::new(1) }
    }

    fn open(&self, id: Uuid) -> Box<dyn Journal> {
        let path = self.directory.path().join(id.to_string());
        let new_id = Uuid::from_u64_pair(0, self.next.fetch_add(1, Ordering::Relaxed));
        let new_id = if path.exists() { new_id } else { id };
        Box::new(SqliteJournal::open(&path, fixture::relay(), new_id).expect("the journal opens"))
    }
}

impl Factory for InFiles {
    fn create(&self) -> Box<dyn Journal> {
        self.open(Uuid::from_u64_pair(1, self.next.fetch_add(1, Ordering::Relaxed)))
    }

    fn reopen(&self, journal: Box<dyn Journal>) -> Box<dyn Journal> {
        let id = journal.id();
        drop(journal);
        self.open(id)
    }
}

laniakea_journal::conformance_tests!(InFiles::new());
