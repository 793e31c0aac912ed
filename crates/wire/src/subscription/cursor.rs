//! Where a consumer is, and where it keeps that.

use std::{
    fmt, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use laniakea_event::Seq;
use uuid::Uuid;

/// A position in a certain journal, written `<journal>:<seq>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which journal.
    pub journal: Uuid,
    /// The last event that was handled.
    pub seq: Seq,
}

/// The text is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position is written <journal uuid>:<seq>")]
pub struct InvalidPosition;

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (journal, seq) = text.split_once(':').ok_or(InvalidPosition)?;
        let journal = Uuid::try_parse(journal).map_err(|_| InvalidPosition)?;
        let seq = seq.parse().map(Seq).map_err(|_| InvalidPosition)?;
        Ok(Self { journal, seq })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.journal, self.seq)
    }
}

/// The position could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// The store could not be read.
    #[error("could not read the cursor {place}")]
    Read {
        /// Where it is kept.
        place: String,
        /// Why not.
        source: io::Error,
    },
    /// The store holds something else.
    #[error("the cursor {place} is damaged; remove it to begin anew")]
    Damaged {
        /// Where it is kept.
        place: String,
        /// What is wrong with it.
        source: InvalidPosition,
    },
    /// The store could not be written.
    #[error("could not store the cursor {place}")]
    Write {
        /// Where it is kept.
        place: String,
        /// Why not.
        source: io::Error,
    },
}

/// Keeps a position over restarts.
///
/// `save` is durable when it returns: after a crash `load` gives that position or a later one,
/// never a torn one. Calls do not overlap.
pub trait CursorStore: Send {
    /// The position that was saved last, if there is one.
    fn load(&self) -> Result<Option<Position>, CursorError>;

    /// Saves the position.
    fn save(&mut self, position: Position) -> Result<(), CursorError>;
}

/// A cursor in a file of one line.
#[derive(Debug, Clone)]
pub struct CursorFile(PathBuf);

/// Far more than a position is long, or two.
const MAX_BYTES: u64 = 4096;

impl CursorFile {
    /// The file need not exist; its directory must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is, as errors name it.
    pub fn place(&self) -> String {
        self.0.display().to_string()
    }

    /// What the file holds; `None` if there is none.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn read(&self) -> Result<Option<String>, CursorError> {
        match laniakea_files::read_text(&self.0, MAX_BYTES) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CursorError::Read { place: self.place(), source }),
        }
    }

    /// Replaces what the file holds. A crash leaves the old text or the new one.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn replace(&self, text: &str) -> Result<(), CursorError> {
        replace(&self.0, text).map_err(|source| CursorError::Write { place: self.place(), source })
    }

    /// The file holds something else.
    pub fn damaged(&self, source: InvalidPosition) -> CursorError {
        CursorError::Damaged { place: self.place(), source }
    }
}

impl CursorStore for CursorFile {
    fn load(&self) -> Result<Option<Position>, CursorError> {
        let Some(text) = self.read()? else { return Ok(None) };
        text.trim_end().parse().map(Some).map_err(|source| self.damaged(source))
    }

    fn save(&mut self, position: Position) -> Result<(), CursorError> {
        self.replace(&format!("{position}\n"))
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut options = fs::OpenOptions::new();
    let mut file =
        laniakea_files::open_with(options.write(true).create(true).truncate(true), &new)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_position_is_loaded_and_a_damaged_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cursor");
        let mut cursor = CursorFile::new(&path);
        assert_eq!(cursor.load().unwrap(), None);
        let position = Position { journal: Uuid::from_u128(7), seq: Seq(41) };
        cursor.save(position).unwrap();
        assert_eq!(cursor.load().unwrap(), Some(position));
        for text in ["", "41", "x:41", "00000000-0000-0000-0000-000000000007:", "\u{0}"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(cursor.load(), Err(CursorError::Damaged { .. })), "{text:?}");
        }
        let mut nowhere = CursorFile::new(directory.path().join("absent/cursor"));
        assert!(matches!(nowhere.save(position), Err(CursorError::Write { .. })));
    }

    #[test]
    fn what_is_no_file_of_a_position_is_told_and_holds_nobody_up() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        mknodat(CWD, path("cursor.new"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
        for name in ["fifo", "zero"] {
            let error = CursorFile::new(path(name)).load().unwrap_err();
            assert!(matches!(error, CursorError::Read { .. }), "{name}: {error}");
        }
        let position = Position { journal: Uuid::from_u128(7), seq: Seq(41) };
        let error = CursorFile::new(path("cursor")).save(position).unwrap_err();
        assert!(matches!(error, CursorError::Write { .. }), "{error}");
    }
}
