//! The commands, and what they have in common.

pub(crate) mod check;
pub(crate) mod import_scheduler;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod simulate;
pub(crate) mod test;

mod show;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use keeper::{keep::list, ledger::LedgerError};
use laniakea_daemon::{EXIT_FAILED, EXIT_USAGE};
use laniakea_wire::subscription::SubscriptionError;
use tokio::runtime::Runtime;

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgument {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/keeper.toml")]
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
        Self { exit_code: EXIT_USAGE, hint: hint(&error), error }
    }

    /// Keeper cannot begin: somebody has to mend it, but for a ledger that may be usable later.
    pub(crate) fn start(error: anyhow::Error) -> Self {
        let ledger = error.chain().find_map(|cause| cause.downcast_ref::<LedgerError>());
        if ledger.is_some_and(LedgerError::may_pass) {
            return Self { exit_code: EXIT_FAILED, error, hint: None };
        }
        Self::usage(error)
    }

    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        let error = error.into();
        let hint = hint(&error);
        let exit_code = if hint.is_some() { EXIT_USAGE } else { EXIT_FAILED };
        Self { exit_code, error, hint }
    }
}

pub(crate) type Outcome = Result<ExitCode, Failure>;

/// What somebody has to decide.
fn hint(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(SubscriptionError::OtherJournal { to, .. }) => Some(format!(
            "the relay was rebuilt, or is another one. `keeper run --accept-journal {to}` reads it \
             from its beginning; what was taken before is passed over"
        )),
        _ => None,
    })
}

fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().context("could not start the runtime")
}

fn load_rules(config: &keeper::config::Config) -> Result<keeper::rules::Rules> {
    let means = keeper::action::Means::new(config)?;
    keeper::rules::load(&config.rules_dir, &means)
        .map_err(|problems| anyhow::anyhow!(list(&problems)))
}
