//! The position in an upstream's journal, and how far the own journal went then.
//!
//! The second line is for whoever restores an older copy of the own journal, or begins a new one:
//! what that one lacks is then read again instead of passed over.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use laniakea_event::Seq;
use laniakea_wire::subscription::{
    CursorError, CursorFile, CursorStore, InvalidPosition, Position,
};
use uuid::Uuid;

/// How far the own journal goes, at the least.
#[derive(Debug)]
pub(super) struct OwnPosition {
    journal: Uuid,
    /// As it was found at the start.
    found: Seq,
    taken: AtomicU64,
}

impl OwnPosition {
    pub(super) fn new(journal: Uuid, last: Seq) -> Self {
        Self { journal, found: last, taken: AtomicU64::new(0) }
    }

    /// An event of the upstream stands there.
    pub(super) fn reach(&self, Seq(seq): Seq) {
        self.taken.fetch_max(seq, Ordering::Relaxed);
    }

    fn now(&self) -> Position {
        Position { journal: self.journal, seq: Seq(self.taken.load(Ordering::Relaxed)) }
    }

    pub(super) fn has(&self, position: Position) -> bool {
        let reached = self.found.max(self.now().seq);
        position.journal == self.journal && position.seq <= reached
    }
}

/// A file of two positions: the upstream's and the own one.
#[derive(Debug, Clone)]
pub(super) struct UpstreamCursor {
    file: CursorFile,
    own: Arc<OwnPosition>,
}

impl UpstreamCursor {
    pub(super) fn new(path: PathBuf, own: Arc<OwnPosition>) -> Self {
        Self { file: CursorFile::new(path), own }
    }
}

impl CursorStore for UpstreamCursor {
    fn load(&self) -> Result<Option<Position>, CursorError> {
        let Some(text) = self.file.read()? else { return Ok(None) };
        let (upstream, own) = parse(&text).map_err(|source| self.file.damaged(source))?;
        if !self.own.has(own) {
            tracing::warn!(
                cursor = self.file.place(),
                "the journal lacks what an upstream's position stands for: reading it from its beginning"
            );
            return Ok(None);
        }
        self.own.reach(own.seq);
        Ok(Some(upstream))
    }

    fn save(&mut self, position: Position) -> Result<(), CursorError> {
        self.file.replace(&format!("{position}\n{}\n", self.own.now()))
    }
}

fn parse(text: &str) -> Result<(Position, Position), InvalidPosition> {
    let (upstream, own) = text.trim_end().split_once('\n').ok_or(InvalidPosition)?;
    Ok((upstream.parse()?, own.parse()?))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);

    fn cursor(path: &Path, journal: Uuid, last: u64) -> UpstreamCursor {
        let own = Arc::new(OwnPosition::new(journal, Seq(last)));
        UpstreamCursor::new(path.join("internal.cursor"), own)
    }

    #[test]
    fn a_position_counts_as_long_as_the_own_journal_has_what_it_stands_for() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = cursor(directory.path(), OWN, 0);
        assert_eq!(first.load().unwrap(), None);
        let position = Position { journal: Uuid::from_u128(7), seq: Seq(41) };
        first.own.reach(Seq(12));
        first.save(position).unwrap();
        let load = |journal, last| cursor(directory.path(), journal, last).load().unwrap();
        assert_eq!(load(OWN, 12), Some(position));
        assert_eq!(load(OWN, 99), Some(position));
        assert_eq!(load(OWN, 11), None, "an older copy of the journal");
        assert_eq!(load(Uuid::from_u128(2), 99), None, "another journal");
        // Opened again while it runs, after the journal grew.
        assert_eq!(first.load().unwrap(), Some(position));
        // A start at which nothing new comes does not forget how far the own journal went.
        let mut again = cursor(directory.path(), OWN, 12);
        again.load().unwrap();
        again.save(position).unwrap();
        assert_eq!(load(OWN, 11), None);
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let cursor = cursor(directory.path(), OWN, 0);
        for text in ["", "\n", "x", "00000000-0000-0000-0000-000000000007:4\n", "\u{0}"] {
            fs::write(directory.path().join("internal.cursor"), text).unwrap();
            assert!(matches!(cursor.load(), Err(CursorError::Damaged { .. })), "{text:?}");
        }
    }
}
