//! `keeper retry`

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use keeper::{config::Config, ledger::Ledger};
use laniakea_daemon::{Clock as _, SystemClock, print_line};

use super::{ConfigArgument, Outcome};

/// Arguments of `keeper retry`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The number of a run that failed, or of which nobody knows how it went.
    run: i64,
    #[command(flatten)]
    config: ConfigArgument,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    retry(arguments)?;
    print_line!("run {} is tried again as soon as keeper runs", arguments.run)?;
    Ok(ExitCode::SUCCESS)
}

fn retry(arguments: &Arguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config.config)?;
    // Looked at first, so that nothing is made where there is no ledger.
    let trail = Ledger::open_to_read(&config.ledger())?.run(arguments.run)?;
    let trail = trail.with_context(|| format!("there is no run {}", arguments.run))?;
    let mut ledger = Ledger::open(&config.ledger())?;
    if !ledger.retry(arguments.run, SystemClock.now())? {
        bail!(
            "run {} has {}: only one that failed can be tried again",
            arguments.run,
            trail.facts.state.as_str()
        );
    }
    Ok(())
}
