//! The one connection that writes: turns, failures and checkpoints.

use std::time::{Duration, Instant};

use laniakea_event::Seq;
use laniakea_journal::{Appended, Entry, JournalError};
use rusqlite::{Connection, config::DbConfig};

use crate::{
    error::{Damage, is_full},
    group::{self, Owner, State},
    prune,
    readers::BUSY_TIMEOUT,
};

/// When the write-ahead log is written back into the file. Later means fewer pages written twice,
/// and a longer recovery after a crash.
#[derive(Debug)]
struct Checkpoints {
    /// After about so much was committed.
    after_bytes: usize,
    /// From this length on, the log has to begin anew.
    long_log_pages: i64,
    /// So long is a long log worth waiting for those who read in it.
    patience: Duration,
}

const CHECKPOINTS: Checkpoints = Checkpoints {
    after_bytes: 16 << 20,
    long_log_pages: 16_384,
    patience: Duration::from_millis(50),
};

/// About what a transaction writes beside the frames: a page in each of its tables.
const TRANSACTION_BYTES: usize = 5 * 4096;

/// How often a full disk has the log written back.
const ROOM_INTERVAL: Duration = Duration::from_secs(1);

/// The writer; whoever holds it has the turn.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    name: String,
    owner: Owner,
    state: State,
    checkpoints: Checkpoints,
    /// About how much was committed since the last checkpoint.
    uncheckpointed: usize,
    /// When room was made last.
    room_made: Option<Instant>,
    has_failed: bool,
}

/// An earlier write failed, and what is on the disk is not known.
#[derive(Debug, thiserror::Error)]
#[error("an earlier write failed")]
struct EarlierFailure;

impl Writer {
    pub(crate) fn new(connection: Connection, name: String, owner: Owner, state: State) -> Self {
        Self {
            connection,
            name,
            owner,
            state,
            checkpoints: CHECKPOINTS,
            uncheckpointed: 0,
            room_made: None,
            has_failed: false,
        }
    }

    /// Appends a group, durably.
    pub(crate) fn append(&mut self, group: &[Entry]) -> Result<Vec<Appended>, JournalError> {
        self.check()?;
        if group.is_empty() {
            return Ok(Vec::new());
        }
        let mut appended = group::append(&self.connection, &self.owner, &self.state, group);
        if appended.as_ref().is_err_and(is_full) && self.makes_room() {
            appended = group::append(&self.connection, &self.owner, &self.state, group);
        }
        let (outcomes, changes) = appended.map_err(|error| self.fail(error))?;
        // A crash from here on leaves the group recorded and its senders unanswered: they send
        // it again, and are told that it is a duplicate.
        self.state.adopt(changes);
        let frames = outcomes.iter().map(|outcome| match outcome {
            Appended::Journaled(event) => event.frame().len(),
            Appended::Duplicate { .. } | Appended::Conflict { .. } => 0,
        });
        self.checkpoint_after(frames.sum());
        Ok(outcomes)
    }

    /// Removes some of the events up to this one, and says how many; 0 when none is left.
    pub(crate) fn prune_some(&mut self, up_to: Seq) -> Result<u64, JournalError> {
        self.check()?;
        let removed = prune::remove_some(&self.connection, up_to);
        let removed = removed.map_err(|error| self.fail(error))?;
        // With the last event goes the greatest time.
        let latest = group::latest(&self.connection);
        self.state.latest = latest.map_err(|error| self.fail(error))?;
        self.checkpoint_after(removed.bytes);
        Ok(removed.events)
    }

    fn check(&self) -> Result<(), JournalError> {
        if self.has_failed {
            let source = Box::new(EarlierFailure);
            return Err(JournalError::Write { journal: self.name.clone(), source });
        }
        Ok(())
    }

    /// Says what a failed transaction means; after any but a recoverable error nothing is written
    /// again, and no sync that failed is tried again.
    fn fail(&mut self, error: rusqlite::Error) -> JournalError {
        let error = Damage::from(error).into_write_error(&self.name);
        if !error.is_recoverable() || !self.connection.is_autocommit() {
            self.give_up();
        }
        error
    }

    /// Writes nothing any more. SQLite would write the log back and sync it once more when the last
    /// connection is closed, and that sync may succeed without having written what the one before
    /// it failed to write.
    fn give_up(&mut self) {
        self.has_failed = true;
        let no_checkpoint = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        // There is no reason for which it could fail, and nothing left that could be done then.
        self.connection.set_db_config(no_checkpoint, true).unwrap_or_default();
    }

    /// Where the disk is too full for the log to grow, writes it back into the file, so that it
    /// begins anew in the room that it has: on a small disk it may be what fills it.
    fn makes_room(&mut self) -> bool {
        if self.room_made.is_some_and(|at| at.elapsed() < ROOM_INTERVAL) {
            return false;
        }
        self.room_made = Some(Instant::now());
        match checkpoint(&self.connection, "RESTART") {
            Ok(_) => true,
            Err(error) => {
                if !is_full(&error) {
                    self.give_up();
                }
                false
            }
        }
    }

    /// Writes the log back into the file when it has grown.
    ///
    /// SQLite would do so inside a commit and report its failure as the commit's, although the
    /// group is durable by then.
    fn checkpoint_after(&mut self, bytes: usize) {
        self.uncheckpointed += bytes + TRANSACTION_BYTES;
        if self.uncheckpointed < self.checkpoints.after_bytes {
            return;
        }
        self.uncheckpointed = 0;
        match self.checkpoint() {
            // Nobody heard of a failure yet: the log still has everything that was acknowledged.
            Err(error) if !is_full(&error) => self.give_up(),
            _ => {}
        }
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        // Without waiting for anybody. The next commit begins the log anew unless somebody reads
        // in it then, which with many readers may be always.
        if checkpoint(&self.connection, "PASSIVE")? < self.checkpoints.long_log_pages {
            return Ok(());
        }
        self.connection.busy_timeout(self.checkpoints.patience)?;
        let restarted = checkpoint(&self.connection, "RESTART");
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        restarted.map(drop)
    }
}

/// Writes the write-ahead log back into the file, as far as readers let it, and says how many
/// pages the log has.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(1))
}

#[cfg(test)]
mod tests;
