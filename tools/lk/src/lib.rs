//! The command line of the event stream; [`main`] is all of it.
//!
//! `cli` says which commands there are, each has a file of its own in `commands`, `output` is how
//! they show what they found, and `failure` turns what went wrong into an exit code and a hint.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")
)]

mod cli;
mod commands;
mod endpoints;
mod failure;
mod follow;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod output;
mod random;
mod session;
mod subject;
mod trusting;
mod when;

use std::process::ExitCode;

use clap::Parser as _;
use laniakea_daemon::SystemClock;

use crate::{cli::Arguments, session::Session};

/// Does what the arguments of this process say.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    laniakea_daemon::init_logging(arguments.log_level());
    let session = Session::new(&SystemClock, arguments.notices());
    match arguments.command.run(&session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
