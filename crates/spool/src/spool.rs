//! A source's spool: signed events that the relay has not acknowledged.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use laniakea_event::{EventId, Limits, SubmittedEvent};
use tokio::time::{Instant, sleep};

use crate::{
    Bounds, Name, Reason, SpoolError,
    directory::{Directory, Entry, Place},
    record,
};

/// How often somebody who waits for its turn looks.
const LOOK: Duration = Duration::from_millis(20);

/// Signed events on disk, in the order in which they were put there, from any number of processes.
#[derive(Debug)]
pub struct Spool {
    directory: Directory,
    bounds: Bounds,
}

/// The right to send: one process at a time has it, until it is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "holds the lock until it is closed")] File);

/// What a spool holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// What waits for the relay, in order.
    pub waiting: Vec<Waiting>,
    /// What the relay will not take, in order.
    pub rejected: Vec<Rejected>,
    /// What is not what its name says. It is passed over.
    pub damaged: Vec<Damaged>,
    /// Files of somebody else. They are left alone.
    pub foreign: Vec<PathBuf>,
}

/// An event that waits.
#[derive(Debug)]
pub struct Waiting {
    /// Its number and digest.
    pub name: Name,
    /// Its type.
    pub id: EventId,
    /// Its size.
    pub bytes: u64,
    /// When it came into the spool.
    pub since: Timestamp,
}

/// An event that the relay rejected.
#[derive(Debug)]
pub struct Rejected {
    /// The event; its time is that of the rejection.
    pub event: Waiting,
    /// What the relay said.
    pub reason: Reason,
}

/// A file that does not hold what its name says.
#[derive(Debug)]
pub struct Damaged {
    /// The name.
    pub name: Name,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What a file in the spool turned out to be.
pub(crate) enum Found {
    /// The event.
    Event(Vec<u8>, Box<SubmittedEvent>),
    /// Something else.
    Damaged(Damaged),
    /// It is not there any more.
    Gone,
}

impl Spool {
    /// Opens the spool in this directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The directory cannot be made.
    pub fn open(path: impl Into<PathBuf>, bounds: Bounds) -> Result<Self, SpoolError> {
        Ok(Self { directory: Directory::create(path)?, bounds })
    }

    /// Opens a spool that must be there.
    ///
    /// # Errors
    ///
    /// There is no such directory, or it cannot be read.
    pub fn open_existing(path: impl Into<PathBuf>) -> Result<Self, SpoolError> {
        Ok(Self { directory: Directory::open(path)?, bounds: Bounds::default() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Keeps a signed event. It is on disk when this returns, behind everything that was there;
    /// this takes as long as two fsyncs. Where it fails the event may be there nevertheless.
    ///
    /// # Errors
    ///
    /// It is no event, the spool is full, or cannot be written.
    pub fn put(&self, event: &[u8]) -> Result<Name, SpoolError> {
        let digest = SubmittedEvent::parse(event, &Limits::SUBMISSION)?.digest();
        self.directory.lock()?.put(digest, event, self.bounds)
    }

    /// The names of what waits, in order.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn waiting(&self) -> Result<Vec<Name>, SpoolError> {
        self.names(Place::Main)
    }

    /// The names of what was rejected, in order.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn rejected(&self) -> Result<Vec<Name>, SpoolError> {
        self.names(Place::Rejected)
    }

    fn names(&self, place: Place) -> Result<Vec<Name>, SpoolError> {
        let entries = self.directory.list(place)?.entries;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    /// Reads everything that is there.
    ///
    /// # Errors
    ///
    /// The directory or a file cannot be read.
    pub fn contents(&self) -> Result<Contents, SpoolError> {
        let mut contents = Contents::default();
        let (main, rejected) =
            (self.directory.list(Place::Main)?, self.directory.list(Place::Rejected)?);
        contents.foreign.extend(main.foreign.into_iter().chain(rejected.foreign));
        for entry in main.entries {
            match self.read(entry.name)? {
                Found::Event(_, event) => contents.waiting.push(waiting(entry, &event)),
                Found::Damaged(damaged) => contents.damaged.push(damaged),
                Found::Gone => {}
            }
        }
        for entry in rejected.entries {
            let Some(file) = self.directory.read(Place::Rejected, entry.name, record::LIMIT)?
            else {
                continue;
            };
            match record::read(&file, entry.name) {
                Ok((reason, _, event)) => {
                    contents.rejected.push(Rejected { event: waiting(entry, &event), reason });
                }
                Err(problem) => {
                    contents.damaged.push(self.damaged(Place::Rejected, entry.name, problem));
                }
            }
        }
        Ok(contents)
    }

    /// An event that waits.
    pub(crate) fn read(&self, name: Name) -> Result<Found, SpoolError> {
        let limits = Limits::SUBMISSION;
        let Some(event) = self.directory.read(Place::Main, name, limits.max_bytes)? else {
            return Ok(Found::Gone);
        };
        Ok(match record::check(&event, &limits, name) {
            Ok(parsed) => Found::Event(event, Box::new(parsed)),
            Err(problem) => Found::Damaged(self.damaged(Place::Main, name, problem)),
        })
    }

    fn damaged(&self, place: Place, name: Name, problem: String) -> Damaged {
        Damaged { name, path: self.directory.file(place, name), problem }
    }

    /// Why the relay rejected this event, if it did.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn reason(&self, name: Name) -> Result<Option<Reason>, SpoolError> {
        let file = self.directory.read(Place::Rejected, name, record::LIMIT)?;
        let record = file.and_then(|file| record::read(&file, name).ok());
        Ok(record.map(|(reason, _, _)| reason))
    }

    /// Removes events that wait or were rejected; says how many were there.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn remove(&self, names: &[Name]) -> Result<usize, SpoolError> {
        let mut locked = self.directory.lock()?;
        let mut removed = 0;
        for name in names {
            for place in Place::BOTH {
                removed += usize::from(locked.remove(place, *name)?);
            }
        }
        Ok(removed)
    }

    /// Sets an event aside that the relay will not take. A crash in between leaves it in both
    /// places: then it is sent again, and rejected again.
    pub(crate) fn reject(
        &self,
        name: Name,
        event: &[u8],
        reason: &Reason,
    ) -> Result<(), SpoolError> {
        let path = self.directory.file(Place::Rejected, name);
        let record = record::write(reason, event)
            .map_err(|error| SpoolError::io("write", &path)(error.into()))?;
        let mut locked = self.directory.lock()?;
        locked.write(Place::Rejected, name, &record)?;
        locked.remove(Place::Main, name)?;
        Ok(())
    }

    /// Puts what was rejected back to where it stood, so that it is sent again. What is damaged
    /// stays. Says how many were put back.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written.
    pub fn readmit(&self) -> Result<usize, SpoolError> {
        let mut count = 0;
        for name in self.rejected()? {
            let mut locked = self.directory.lock()?;
            let file = self.directory.read(Place::Rejected, name, record::LIMIT)?;
            let Some(file) = file else { continue };
            let Ok((Reason { .. }, event, _)) = record::read(&file, name) else { continue };
            locked.write(Place::Main, name, &event)?;
            locked.remove(Place::Rejected, name)?;
            count += 1;
        }
        Ok(count)
    }

    /// The right to send, if nobody else has it.
    ///
    /// # Errors
    ///
    /// The lock file cannot be used.
    pub fn turn(&self) -> Result<Option<Turn>, SpoolError> {
        Ok(self.directory.try_sending()?.map(Turn))
    }

    /// Waits for the right to send; `None` if `until` is over, or what `is_needed` asks is not
    /// needed any more.
    ///
    /// # Errors
    ///
    /// The lock file cannot be used.
    pub async fn wait_for_turn(
        &self,
        until: Instant,
        is_needed: impl Fn() -> bool,
    ) -> Result<Option<Turn>, SpoolError> {
        loop {
            if let Some(turn) = self.turn()? {
                return Ok(Some(turn));
            }
            if Instant::now() >= until || !is_needed() {
                return Ok(None);
            }
            sleep(LOOK).await;
        }
    }

    /// Whether this event still waits.
    pub fn holds(&self, name: Name) -> bool {
        self.directory.file(Place::Main, name).exists()
    }

    /// Acknowledged: it need not be kept any more.
    pub(crate) fn acknowledged(&self, name: Name) -> Result<(), SpoolError> {
        self.directory.lock()?.remove(Place::Main, name)?;
        Ok(())
    }
}

fn waiting(entry: Entry, event: &SubmittedEvent) -> Waiting {
    let Entry { name, bytes, written } = entry;
    Waiting { name, id: event.id().clone(), bytes, since: written }
}

#[cfg(test)]
mod tests;
