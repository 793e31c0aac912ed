//! Locks as Laniakea's tools take them: `fcntl` record locks on the whole of a file, as Python's
//! `fcntl.lockf` does. `flock` does not see them.
//!
//! Such a lock belongs to the process, not to the descriptor. Two runs of one keeper would both get
//! it, and closing *any* descriptor of the file gives it away. So one table says which files are
//! held or looked at, by their inode, and a file that is in it is not opened again.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
    process::{Flock, FlockType, fcntl_getlk},
};

/// The files that are locked by this process: device and inode.
static HELD: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

/// A lock that is not to be had.
#[derive(Debug)]
pub(super) enum Busy {
    /// Somebody has it.
    Held(String),
    /// The file cannot be used.
    Unusable(String),
}

/// A lock that is held until this is dropped, or keeper ends in whatever way.
#[derive(Debug)]
pub(super) struct RecordLock {
    inode: (u64, u64),
    file: Option<File>,
}

impl RecordLock {
    /// Takes the lock, without waiting for it.
    pub(super) fn take(path: &Path) -> Result<Self, Busy> {
        let mut held = table();
        if inode_of(path).is_some_and(|inode| held.contains(&inode)) {
            return Err(held_by_us(path));
        }
        let file = open(path).map_err(|error| unusable(path, &error))?;
        let metadata = file.metadata().map_err(|error| unusable(path, &error))?;
        let inode = (metadata.dev(), metadata.ino());
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                held.insert(inode);
                Ok(Self { inode, file: Some(file) })
            }
            Err(Errno::ACCESS | Errno::AGAIN) => Err(holder(&file).map_or_else(
                // It was given away in between; the next look gets it.
                || Busy::Held(format!("{} was held by another process", path.display())),
                |pid| held_by(path, pid),
            )),
            Err(error) => Err(unusable(path, &error.into())),
        }
    }
}

impl Drop for RecordLock {
    fn drop(&mut self) {
        let mut held = table();
        // Closing gives it away, and is not to happen after somebody else of us took it.
        drop(self.file.take());
        held.remove(&self.inode);
    }
}

/// Whether a lock is free now. A file that is not there is locked by nobody, and none is made.
pub(super) fn look(path: &Path) -> Result<(), Busy> {
    let held = table();
    let Some(inode) = inode_of(path) else { return Ok(()) };
    if held.contains(&inode) {
        return Err(held_by_us(path));
    }
    let file = laniakea_files::open(path).map_err(|error| unusable(path, &error))?;
    holder(&file).map_or(Ok(()), |pid| Err(held_by(path, pid)))
}

/// Which process has a lock on the file.
fn holder(file: &File) -> Option<i32> {
    let lock = fcntl_getlk(file, &Flock::from(FlockType::WriteLock)).ok().flatten()?;
    // A process of another PID namespace has no number here.
    Some(lock.pid.map_or(0, rustix::process::Pid::as_raw_pid))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o644);
    laniakea_files::open_with(options, path)
}

fn inode_of(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn table() -> MutexGuard<'static, BTreeSet<(u64, u64)>> {
    // Nothing in here leaves the table half changed.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn held_by_us(path: &Path) -> Busy {
    Busy::Held(format!("another run holds {}", path.display()))
}

fn held_by(path: &Path, pid: i32) -> Busy {
    Busy::Held(format!("process {pid} holds {}", path.display()))
}

fn unusable(path: &Path, error: &io::Error) -> Busy {
    Busy::Unusable(format!("could not use the lock {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
