//! The commands, and what they have in common.

pub(crate) mod check;
pub(crate) mod import;
pub(crate) mod login;
pub(crate) mod render;
pub(crate) mod run;
pub(crate) mod why;

mod hint;

use std::{path::PathBuf, process::ExitCode};

use laniakea_daemon::{EXIT_USAGE, Failure};

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgument {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/mirk.toml")]
    pub(crate) config: PathBuf,
}

pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Adds the hint, and whether a restart would only find the same.
pub(crate) fn explain(mut failure: Failure) -> Failure {
    failure.hint = hint::hint(&failure.error);
    if hint::wants_somebody(&failure.error) {
        failure.exit_code = EXIT_USAGE;
    }
    failure
}
