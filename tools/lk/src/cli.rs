//! The commands and what they all understand.

use clap::{ArgAction, Parser, Subcommand};
use laniakea_daemon::Verbosity;

use crate::{commands, output::Notices, session::Session};

/// The command line of the event stream: emit, follow and look at signed events.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say what happens underneath.
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    verbose: bool,
    /// Say nothing but warnings and errors.
    #[arg(short, long, global = true, action = ArgAction::SetTrue, conflicts_with = "verbose")]
    quiet: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 failed, 2 wrong usage or configuration, \
    3 the relay rejected it, 4 the relay could not be reached.";

impl Arguments {
    /// How much the libraries log.
    pub(crate) fn log_level(&self) -> Verbosity {
        if self.verbose { Verbosity::Verbose } else { Verbosity::Quiet }
    }

    /// What the person at the terminal wants to hear.
    pub(crate) fn notices(&self) -> Notices {
        if self.quiet { Notices::Warnings } else { Notices::All }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign an event, submit it and wait until the relay has it.
    Emit(commands::emit::Emit),
    /// Follow the stream without a gap.
    Listen(commands::listen::Listen),
    /// Show past events.
    History(commands::history::History),
    /// Run a command for each event.
    On(commands::on::On),
    /// Look at, send and drop the events that wait in a spool.
    #[command(subcommand)]
    Spool(commands::spool::SpoolCommand),
    /// Look at, retry and drop the events that a command failed on.
    #[command(subcommand)]
    Quarantine(commands::quarantine::QuarantineCommand),
    /// Sign the event on stdin.
    Sign(commands::sign::Sign),
    /// Verify the event on stdin.
    Verify(commands::verify::Verify),
    /// Make, show, trust, rotate, revoke, install and audit keys.
    #[command(subcommand)]
    Key(commands::key::Key),
    /// Show the relay's state and its consumers.
    Status(commands::status::Status),
    /// Show the event catalogue.
    Types(commands::types::Types),
    /// Watch real package changes pass through a relay of your own.
    Demo(commands::demo::Demo),
    /// Print the completions for a shell.
    Completions(commands::completions::Completions),
}

impl Command {
    /// Does what was asked.
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        match self {
            Self::Emit(emit) => emit.run(session),
            Self::Listen(listen) => listen.run(session),
            Self::History(history) => history.run(session),
            Self::On(on) => on.run(session),
            Self::Spool(spool) => spool.run(session),
            Self::Quarantine(quarantine) => quarantine.run(session),
            Self::Sign(sign) => sign.run(),
            Self::Verify(verify) => verify.run(session),
            Self::Key(key) => key.run(session),
            Self::Status(status) => status.run(session),
            Self::Types(types) => types.run(),
            Self::Demo(demo) => demo.run(session),
            Self::Completions(completions) => completions.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
