//! The commands, and what they have in common.

pub(crate) mod check;
pub(crate) mod import;
pub(crate) mod login;
pub(crate) mod render;
pub(crate) mod run;
pub(crate) mod why;

mod hint;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use laniakea_daemon::{EXIT_FAILED, EXIT_USAGE};
use tokio::runtime::Runtime;

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgument {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/mirk.toml")]
    pub(crate) config: PathBuf,
}

/// A command that did not succeed.
pub(crate) struct Failure {
    pub(crate) exit_code: u8,
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// Somebody has to mend it: a restart does not.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        Self { exit_code: EXIT_USAGE, hint: hint::hint(&error), error }
    }

    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        let exit_code = if hint::wants_somebody(&error) { EXIT_USAGE } else { EXIT_FAILED };
        Self { exit_code, hint: hint::hint(&error), error }
    }
}

pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Two threads are enough: the work is waiting, for the network and for the disk.
fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().context("could not start the runtime")
}
