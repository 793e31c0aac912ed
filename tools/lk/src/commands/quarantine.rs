//! `lk quarantine`: look at, retry and drop the events that a command failed on.

mod discard;
mod list;
mod retry;
mod show;

use clap::Subcommand;

use crate::session::Session;

/// What to do with a quarantine.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Show which events were set aside, and why.
    List(list::List),
    /// Show all of one event, and of what went wrong.
    Show(show::Show),
    /// Run a command for them again, and remove those for which it exits with 0.
    Retry(retry::Retry),
    /// Remove events.
    Drop(discard::Discard),
}

impl QuarantineCommand {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(session),
            Self::Show(show) => show.run(),
            Self::Retry(retry) => retry.run(session),
            Self::Drop(discard) => discard.run(),
        }
    }
}
