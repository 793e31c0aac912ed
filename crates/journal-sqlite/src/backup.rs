//! A copy of a journal, made while a relay writes it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, OpenFlags, Transaction, TransactionBehavior,
    backup::{Backup, StepResult},
};

use crate::{Damage, check, open::sync_directory, schema};

/// Copied between two reports of the progress: 4 MiB.
const PAGES: i32 = 1024;
/// How long the copy waits where SQLite is busy with the journal.
const PAUSE: Duration = Duration::from_millis(20);
const MAX_PAUSES: u32 = 500;

/// The copy could not be made. No file of its name is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Backups do not replace each other.
    #[error("{} is there already: name a new file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The copy could not be written.
    #[error("could not write the backup {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// SQLite could not write the copy.
    #[error("could not write the backup {}", path.display())]
    WriteSqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The journal could not be read.
    #[error("could not read the journal")]
    Read(#[source] rusqlite::Error),
    /// Somebody held the journal for ten seconds.
    #[error("the journal is held by somebody else")]
    Busy,
    /// The copy is what the journal is, and that is damaged.
    #[error("the journal is damaged, and so would be its copy: `lighthouse verify` says where")]
    Damaged(#[source] Damage),
}

pub(crate) fn copy(
    source: &Connection,
    to: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), BackupError> {
    let exists = to.try_exists().map_err(|error| unwritable(to, error))?;
    if exists {
        return Err(BackupError::Exists { path: to.to_owned() });
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let copied = copy_to(source, &part, progress).and_then(|()| publish(&part, to));
    if copied.is_err() {
        // What is wrong has been said; a leftover is overwritten by the next attempt.
        drop(fs::remove_file(&part));
    }
    copied
}

fn copy_to(
    source: &Connection,
    part: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), BackupError> {
    let written = |error| unwritable(part, error);
    let written_by_sqlite = |source| BackupError::WriteSqlite { path: part.to_owned(), source };
    // Whoever may not read the journal may not read the copy either.
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    drop(laniakea_files::open_with(options, part).map_err(written)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(part, flags).map_err(written_by_sqlite)?;
    copy_pages(source, &mut target, part, progress)?;
    target.pragma_update(None, "journal_mode", "DELETE").map_err(written_by_sqlite)?;
    target.pragma_update(None, "application_id", schema::BACKUP_ID).map_err(written_by_sqlite)?;
    check::check(&target, part).map_err(BackupError::Damaged)?;
    target.close().map_err(|(_, error)| written_by_sqlite(error))?;
    laniakea_files::open(part).and_then(|file| file.sync_all()).map_err(written)
}

fn copy_pages(
    source: &Connection,
    target: &mut Connection,
    part: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), BackupError> {
    // While one moment of the journal is held, what others write does not make SQLite begin anew.
    let moment = Transaction::new_unchecked(source, TransactionBehavior::Deferred)
        .map_err(BackupError::Read)?;
    moment.query_row("SELECT id FROM journal", [], |_| Ok(())).map_err(BackupError::Read)?;
    let backup = Backup::new(source, target).map_err(BackupError::Read)?;
    let mut pauses = 0;
    loop {
        let step = backup.step(PAGES);
        let pages = backup.progress();
        let count = |pages: i32| u64::try_from(pages).unwrap_or_default();
        let (all, left) = (count(pages.pagecount), count(pages.remaining));
        progress(all.saturating_sub(left), all);
        match step {
            Ok(StepResult::Done) => return Ok(()),
            Ok(StepResult::Busy | StepResult::Locked) if pauses == MAX_PAUSES => {
                return Err(BackupError::Busy);
            }
            Ok(StepResult::Busy | StepResult::Locked) => {
                pauses += 1;
                std::thread::sleep(PAUSE);
            }
            Ok(_) => {}
            Err(source) => {
                return Err(BackupError::WriteSqlite { path: part.to_owned(), source });
            }
        }
    }
}

/// Gives the finished copy its name.
fn publish(part: &Path, to: &Path) -> Result<(), BackupError> {
    let published = fs::rename(part, to).and_then(|()| sync_directory(&fs::canonicalize(to)?));
    published.map_err(|error| unwritable(to, error))
}

fn unwritable(path: &Path, source: io::Error) -> BackupError {
    BackupError::Write { path: path.to_owned(), source }
}
