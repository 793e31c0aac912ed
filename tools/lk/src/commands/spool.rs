//! `lk spool`: look at, send and drop the events that wait.

mod discard;
pub(in crate::commands) mod flush;
mod list;

use clap::Subcommand;

use crate::session::Session;

/// What to do with a spool.
#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// Show what waits, and what the relay rejected.
    List(list::List),
    /// Send what waits, in order.
    Flush(flush::Flush),
    /// Remove events without sending them.
    Drop(discard::Discard),
}

impl SpoolCommand {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(session),
            Self::Flush(flush) => flush.run(session),
            Self::Drop(discard) => discard.run(),
        }
    }
}
