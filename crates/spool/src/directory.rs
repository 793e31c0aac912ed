//! A directory of numbered files that any number of processes write at once.
//!
//! A file appears complete and durable or not at all: it is written under another name, synced,
//! renamed, and the directory synced, all under an exclusive `flock` of the file `lock`. A process
//! that crashes loses its lock by itself; what it had half written is removed by the next one.
//! Reading takes no lock. `flock` works on local disks and on NFS since Linux 2.6.12.

mod locked;

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use self::locked::Counted;
pub(crate) use self::locked::Locked;
use crate::{Name, SpoolError};

/// Taken by whoever changes something.
const LOCK: &str = "lock";
/// Taken by whoever sends.
const SENDING: &str = "sending";
/// What is not finished begins with this.
const UNFINISHED: &str = ".new-";

/// How much a directory may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Events, those set aside included.
    pub events: usize,
    /// Bytes of their files together.
    pub bytes: u64,
}

impl Default for Bounds {
    /// 100,000 events and 256 MiB.
    fn default() -> Self {
        Self { events: 100_000, bytes: 256 << 20 }
    }
}

/// Which part of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The directory itself.
    Main,
    /// What the relay rejected.
    Rejected,
}

impl Place {
    pub(crate) const BOTH: [Self; 2] = [Self::Main, Self::Rejected];
    const REJECTED: &str = "rejected";
}

/// A file of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Name,
    pub(crate) bytes: u64,
    /// When it was written, by the clock of the file system.
    pub(crate) written: Timestamp,
}

/// What a place holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// In the order of their numbers.
    pub(crate) entries: Vec<Entry>,
    /// What somebody else put there. It is left alone.
    pub(crate) foreign: Vec<PathBuf>,
    /// What a process left that crashed, or is being written right now.
    unfinished: Vec<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// What this process knows to be in it, until another one changes something.
    counted: Mutex<Option<Counted>>,
}

impl Directory {
    /// Makes the directory if it is not there, for its owner alone.
    pub(crate) fn create(path: impl Into<PathBuf>) -> Result<Self, SpoolError> {
        let path = path.into();
        make(&path).map_err(SpoolError::io("make the directory", &path))?;
        Ok(Self { path, counted: Mutex::new(None) })
    }

    /// A directory that must be there.
    pub(crate) fn open(path: impl Into<PathBuf>) -> Result<Self, SpoolError> {
        let path = path.into();
        fs::read_dir(&path).map_err(SpoolError::io("read the directory", &path))?;
        Ok(Self { path, counted: Mutex::new(None) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody else changes anything.
    pub(crate) fn lock(&self) -> Result<Locked<'_>, SpoolError> {
        let (file, path) = self.lock_file(LOCK)?;
        let wait = || {
            while let Err(error) = flock(&file, FlockOperation::LockExclusive) {
                if error != rustix::io::Errno::INTR {
                    return Err(error.into());
                }
            }
            Ok(())
        };
        wait().map_err(SpoolError::io("lock", &path))?;
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        Locked::new(self, file, counted)
    }

    /// The lock of the one that sends; `None` while another process has it.
    pub(crate) fn try_sending(&self) -> Result<Option<File>, SpoolError> {
        let (file, path) = self.lock_file(SENDING)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => Ok(None),
            Err(error) => Err(SpoolError::io("lock", &path)(error.into())),
        }
    }

    fn lock_file(&self, name: &str) -> Result<(File, PathBuf), SpoolError> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = laniakea_files::open_with(&mut options, &path)
            .map_err(SpoolError::io("open", &path))?;
        Ok((file, path))
    }

    /// What is there. Takes no lock: a file may be gone when it is read.
    pub(crate) fn list(&self, place: Place) -> Result<Listing, SpoolError> {
        let folder = self.folder(place);
        let failed = |error| SpoolError::io("read the directory", &folder)(error);
        let entries = match fs::read_dir(&folder) {
            Err(error) if place != Place::Main && error.kind() == io::ErrorKind::NotFound => {
                return Ok(Listing::default());
            }
            entries => entries.map_err(failed)?,
        };
        let mut listing = Listing::default();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            match entry.metadata() {
                Ok(metadata) => listing.add(entry.path(), place, &metadata),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(SpoolError::io("look at", &entry.path())(error)),
            }
        }
        listing.entries.sort_unstable_by_key(|entry| entry.name);
        Ok(listing)
    }

    /// At most `limit` bytes and one of the file; `None` if it is gone.
    pub(crate) fn read(
        &self,
        place: Place,
        name: Name,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, SpoolError> {
        let path = self.file(place, name);
        let read = || {
            let mut bytes = Vec::new();
            let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            laniakea_files::open(&path)?.take(limit).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(None),
            outcome => outcome.map(Some).map_err(SpoolError::io("read", &path)),
        }
    }

    pub(crate) fn file(&self, place: Place, name: Name) -> PathBuf {
        self.folder(place).join(name.to_string())
    }

    fn folder(&self, place: Place) -> PathBuf {
        match place {
            Place::Main => self.path.clone(),
            Place::Rejected => self.path.join(Place::REJECTED),
        }
    }
}

impl Listing {
    fn add(&mut self, path: PathBuf, place: Place, metadata: &Metadata) {
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_ours = place == Place::Main && [LOCK, SENDING, Place::REJECTED].contains(&file);
        if is_ours {
            return;
        }
        if file.starts_with(UNFINISHED) && metadata.is_file() {
            self.unfinished.push(path);
            return;
        }
        match Name::parse(file).filter(|_| metadata.is_file()) {
            Some(name) => {
                let written = metadata.modified().ok().and_then(|time| time.try_into().ok());
                let written = written.unwrap_or(Timestamp::UNIX_EPOCH);
                self.entries.push(Entry { name, bytes: metadata.len(), written });
            }
            None => self.foreign.push(path),
        }
    }
}

/// Makes a directory and whatever is missing above it, durably.
fn make(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // A name without a directory is in the one where the process is.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    laniakea_files::sync_directory(parent.unwrap_or(Path::new(".")))
}

#[cfg(test)]
mod tests;
