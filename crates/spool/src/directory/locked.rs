//! Changes to a directory, under its lock.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    sync::MutexGuard,
};

use laniakea_event::Digest;

use super::{Bounds, Directory, Place, UNFINISHED, make};
use crate::{Name, SpoolError};

/// What is in the directory, known without looking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Of the last change; if the file says another, somebody else changed something since.
    generation: u64,
    events: usize,
    bytes: u64,
    /// The highest number that was ever given, as far as that is known.
    last: u64,
}

/// The directory, while nobody else changes it.
///
/// The file `lock` holds two numbers: a generation, which goes up before anything is changed so
/// that nobody trusts what they counted before, and the last number that was given, so that none
/// is given twice while its event may still be in somebody's hands. Neither is needed after a
/// crash of the machine.
pub(crate) struct Locked<'a> {
    directory: &'a Directory,
    /// Holds the lock until it is closed.
    file: File,
    counted: MutexGuard<'a, Option<Counted>>,
    generation: u64,
    last: u64,
}

impl<'a> Locked<'a> {
    pub(super) fn new(
        directory: &'a Directory,
        file: File,
        mut counted: MutexGuard<'a, Option<Counted>>,
    ) -> Result<Self, SpoolError> {
        let (generation, last) = read_state(&file);
        let known = counted.filter(|counted| counted.generation == generation);
        let generation = generation.wrapping_add(1);
        *counted = known.map(|known| Counted { generation, ..known });
        let locked = Self { directory, file, counted, generation, last };
        locked.write_state()?;
        Ok(locked)
    }

    /// Gives the event the next number and keeps it.
    pub(crate) fn put(
        &mut self,
        digest: Digest,
        content: &[u8],
        bounds: Bounds,
    ) -> Result<Name, SpoolError> {
        let size = content.len() as u64;
        let mut counted = self.count()?;
        if !counted.has_room(size, bounds) {
            // Somebody may have removed files by hand.
            *self.counted = None;
            counted = self.count()?;
        }
        if !counted.has_room(size, bounds) {
            return Err(SpoolError::Full {
                path: self.directory.path().to_owned(),
                events: counted.events,
                bytes: counted.bytes,
                max_events: bounds.events,
                max_bytes: bounds.bytes,
            });
        }
        let number = counted.last.checked_add(1);
        let number = number
            .ok_or_else(|| SpoolError::NoNumber { path: self.directory.path().to_owned() })?;
        let name = Name { number, digest };
        self.write(Place::Main, name, content).inspect_err(|_| {
            // It may have its name already. Who is told that it was not kept may make another one.
            drop(fs::remove_file(self.directory.file(Place::Main, name)));
        })?;
        self.last = number;
        let (events, bytes) = (counted.events + 1, counted.bytes + size);
        *self.counted = Some(Counted { events, bytes, last: number, ..counted });
        self.write_state()?;
        Ok(name)
    }

    /// Writes a file, or writes it anew. After an error it may be there all the same.
    pub(crate) fn write(
        &mut self,
        place: Place,
        name: Name,
        content: &[u8],
    ) -> Result<(), SpoolError> {
        *self.counted = None;
        let folder = self.directory.folder(place);
        make(&folder).map_err(SpoolError::io("make the directory", &folder))?;
        let path = folder.join(name.to_string());
        let unfinished = folder.join(format!("{UNFINISHED}{name}"));
        let outcome = write_synced(&unfinished, content)
            .and_then(|()| fs::rename(&unfinished, &path))
            .and_then(|()| laniakea_files::sync_directory(&folder));
        outcome.map_err(|error| {
            drop(fs::remove_file(&unfinished));
            SpoolError::io("write", &path)(error)
        })
    }

    /// Removes a file; says whether it was there. After a crash of the machine it may be back.
    pub(crate) fn remove(&mut self, place: Place, name: Name) -> Result<bool, SpoolError> {
        let path = self.directory.file(place, name);
        let size = path.symlink_metadata().map(|metadata| metadata.len());
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(SpoolError::io("remove", &path)(error)),
        }
        *self.counted = match (*self.counted, size) {
            (Some(counted), Ok(size)) => Some(Counted {
                events: counted.events.saturating_sub(1),
                bytes: counted.bytes.saturating_sub(size),
                ..counted
            }),
            _ => None,
        };
        Ok(true)
    }

    /// What is in the directory. Where that has to be looked up, what crashed processes left is
    /// removed: nobody writes now.
    fn count(&mut self) -> Result<Counted, SpoolError> {
        if let Some(counted) = *self.counted {
            return Ok(counted);
        }
        let mut counted =
            Counted { generation: self.generation, events: 0, bytes: 0, last: self.last };
        for place in Place::BOTH {
            let listing = self.directory.list(place)?;
            for path in listing.unfinished {
                fs::remove_file(&path).map_err(SpoolError::io("remove", &path))?;
            }
            counted.events += listing.entries.len();
            counted.bytes += listing.entries.iter().map(|entry| entry.bytes).sum::<u64>();
            let last = listing.entries.last().map_or(0, |entry| entry.name.number);
            counted.last = counted.last.max(last);
        }
        *self.counted = Some(counted);
        Ok(counted)
    }

    fn write_state(&self) -> Result<(), SpoolError> {
        let state = format!("{:020} {:020}\n", self.generation, self.last);
        let path = self.directory.path().join(super::LOCK);
        self.file.write_all_at(state.as_bytes(), 0).map_err(SpoolError::io("write", &path))
    }
}

impl Counted {
    fn has_room(&self, size: u64, bounds: Bounds) -> bool {
        self.events < bounds.events && self.bytes.saturating_add(size) <= bounds.bytes
    }
}

/// Zero for what is not there yet, or damaged: then everything is looked up.
fn read_state(file: &File) -> (u64, u64) {
    let mut state = [0; 42];
    let length = file.read_at(&mut state, 0).unwrap_or(0);
    let text = state.get(..length).and_then(|state| str::from_utf8(state).ok()).unwrap_or("");
    let mut numbers = text.split_ascii_whitespace().map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = laniakea_files::open_with(options, path)?;
    file.write_all(content)?;
    file.sync_all()
}
