//! A sink's quarantine: events that it failed on, each with the error.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use laniakea_event::{Digest, EventId, Limits, RelayNote, SubmittedEvent};
use laniakea_wire::subscription::Position;
use serde::{Deserialize, Serialize};

use crate::{
    Bounds, Damaged, Failures, Name, SpoolError,
    directory::{Directory, Locked, Place},
    record,
};

/// Events that could not be handled, until somebody looks at them.
#[derive(Debug)]
pub struct Quarantine {
    directory: Directory,
    bounds: Bounds,
}

/// An event in quarantine.
#[derive(Debug)]
pub struct Held {
    /// Its number and digest.
    pub name: Name,
    /// Its type.
    pub id: EventId,
    /// The event as the relay published it.
    pub frame: Vec<u8>,
    /// Where it stands in the relay's journal, if it came with a place.
    pub position: Option<Position>,
    /// How handling it failed.
    pub failures: Failures,
}

/// What stands in a file beside the event.
#[derive(Serialize, Deserialize)]
struct About {
    error: String,
    attempts: u32,
    first: String,
    last: String,
    position: Option<String>,
}

impl Quarantine {
    /// 1,000 events and 256 MiB: more than a person looks at.
    pub const BOUNDS: Bounds = Bounds { events: 1_000, bytes: 256 << 20 };

    /// Opens the quarantine in this directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The directory cannot be made.
    pub fn open(path: impl Into<PathBuf>, bounds: Bounds) -> Result<Self, SpoolError> {
        Ok(Self { directory: Directory::create(path)?, bounds })
    }

    /// Opens a quarantine that must be there.
    ///
    /// # Errors
    ///
    /// There is no such directory, or it cannot be read.
    pub fn open_existing(path: impl Into<PathBuf>) -> Result<Self, SpoolError> {
        Ok(Self { directory: Directory::open(path)?, bounds: Self::BOUNDS })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Sets an event aside. It is on disk when this returns; only then may the position move past
    /// it. An event that is there already is there once, with these failures.
    ///
    /// # Errors
    ///
    /// It is no event, the quarantine is full, or cannot be written.
    pub fn set_aside(
        &self,
        frame: &[u8],
        position: Option<Position>,
        failures: &Failures,
    ) -> Result<Name, SpoolError> {
        let digest = SubmittedEvent::parse(frame, &Limits::FROM_RELAY)?.digest();
        let record = self.record(frame, position, failures)?;
        let mut locked = self.directory.lock()?;
        match self.find(digest)? {
            Some(name) => locked.write(Place::Main, name, &record).map(|()| name),
            None => locked.put(digest, &record, self.bounds),
        }
    }

    /// Writes down that an event that is there failed once more. One that was removed meanwhile
    /// stays away.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn failed_again(&self, held: &Held) -> Result<(), SpoolError> {
        let record = self.record(&held.frame, held.position, &held.failures)?;
        let mut locked: Locked<'_> = self.directory.lock()?;
        if self.find(held.name.digest)? == Some(held.name) {
            locked.write(Place::Main, held.name, &record)?;
        }
        Ok(())
    }

    fn record(
        &self,
        frame: &[u8],
        position: Option<Position>,
        failures: &Failures,
    ) -> Result<Vec<u8>, SpoolError> {
        let about = About {
            error: failures.error.clone(),
            attempts: failures.attempts,
            first: failures.first.to_string(),
            last: failures.last.to_string(),
            position: position.map(|position| position.to_string()),
        };
        record::write(&about, frame)
            .map_err(|error| SpoolError::io("write to", self.directory.path())(error.into()))
    }

    fn find(&self, digest: Digest) -> Result<Option<Name>, SpoolError> {
        Ok(self.names()?.into_iter().find(|name| name.digest == digest))
    }

    /// The names of what is there, in order.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn names(&self) -> Result<Vec<Name>, SpoolError> {
        let entries = self.directory.list(Place::Main)?.entries;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    /// Files of somebody else. They are left alone.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn foreign(&self) -> Result<Vec<PathBuf>, SpoolError> {
        Ok(self.directory.list(Place::Main)?.foreign)
    }

    /// Reads an event; `None` if it is not there any more.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self, name: Name) -> Result<Option<Result<Held, Damaged>>, SpoolError> {
        let Some(file) = self.directory.read(Place::Main, name, record::LIMIT)? else {
            return Ok(None);
        };
        let path = self.directory.file(Place::Main, name);
        Ok(Some(open(&file, name).map_err(|problem| Damaged { name, path, problem })))
    }

    /// Removes events; says how many were there.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn remove(&self, names: &[Name]) -> Result<usize, SpoolError> {
        let mut locked = self.directory.lock()?;
        let mut removed = 0;
        for name in names {
            removed += usize::from(locked.remove(Place::Main, *name)?);
        }
        Ok(removed)
    }
}

impl Held {
    /// What the relay noted beside the event.
    pub fn note(&self) -> Option<RelayNote> {
        let event = SubmittedEvent::parse(&self.frame, &Limits::FROM_RELAY).ok()?;
        event.unsigned().and_then(RelayNote::parse)
    }
}

fn open(file: &[u8], name: Name) -> Result<Held, String> {
    let (about, frame, event) = record::read::<About>(file, name)?;
    let time = |text: &str| {
        text.parse::<Timestamp>().map_err(|_| "it holds a time that is none".to_owned())
    };
    let failures = Failures {
        attempts: about.attempts,
        error: record::clean(&about.error),
        first: time(&about.first)?,
        last: time(&about.last)?,
    };
    let position = about.position.map(|position| position.parse()).transpose();
    let position = position.map_err(|_| "it holds a position that is none".to_owned())?;
    Ok(Held { name, id: event.id().clone(), frame, position, failures })
}

#[cfg(test)]
mod tests;
