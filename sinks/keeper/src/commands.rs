//! The commands, and what they have in common.

pub(crate) mod check;
pub(crate) mod import_scheduler;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod simulate;
pub(crate) mod supervise;
pub(crate) mod test;

mod show;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use keeper::{keep::list, ledger::LedgerError};
use laniakea_daemon::{EXIT_USAGE, Failure};
use laniakea_wire::subscription::SubscriptionError;

/// Where the configuration is.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgument {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/keeper.toml")]
    pub(crate) config: PathBuf,
}

pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Keeper cannot begin: somebody has to mend it, but for a ledger that may be usable later.
pub(crate) fn start_failure(error: anyhow::Error) -> Failure {
    let ledger = error.chain().find_map(|cause| cause.downcast_ref::<LedgerError>());
    if ledger.is_some_and(LedgerError::may_pass) { error.into() } else { Failure::usage(error) }
}

/// Adds the hint. Where somebody has to decide, a restart does not help.
pub(crate) fn explain(mut failure: Failure) -> Failure {
    failure.hint = hint(&failure.error);
    if failure.hint.is_some() {
        failure.exit_code = EXIT_USAGE;
    }
    failure
}

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

fn load_rules(config: &keeper::config::Config) -> Result<keeper::rules::Rules> {
    let means = keeper::action::Means::new(config)?;
    keeper::rules::load(&config.rules_dir, &means)
        .map_err(|problems| anyhow::anyhow!(list(&problems)))
}
