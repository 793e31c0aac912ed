//! The lock that keeps a second relay away from a journal.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use crate::OpenError;

/// Held for as long as the journal is open; the system drops it with the process.
///
/// It is taken on a file beside the journal: closing any other descriptor of the journal itself
/// would drop the locks that SQLite holds on it.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    pub(crate) fn take(journal: &Path) -> Result<Self, OpenError> {
        let mut path = journal.as_os_str().to_owned();
        path.push(".lock");
        let inaccessible =
            |source: io::Error| OpenError::Inaccessible { path: journal.to_owned(), source };
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let file = laniakea_files::open_with(options, path.as_ref()).map_err(inaccessible)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: journal.to_owned() }),
            Err(TryLockError::Error(source)) => Err(inaccessible(source)),
        }
    }
}
