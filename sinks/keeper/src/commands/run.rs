//! `keeper run`

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use keeper::{
    app::{App, Manner},
    supervise::adopt_orphans,
};
use laniakea_daemon::{Lifecycle, SystemClock, runtime};
use uuid::Uuid;

use super::{ConfigArgument, Outcome, start_failure};

/// Arguments of `keeper run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Read on in this journal, although the relay had another one before.
    #[arg(long, value_name = "UUID")]
    accept_journal: Option<Uuid>,
    /// Log what would be run from now on, run nothing and keep nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: Arguments) -> Outcome {
    let Arguments { config: ConfigArgument { config }, accept_journal, dry_run } = arguments;
    let manner = Manner { accept_journal, is_dry_run: dry_run };
    adopt_orphans().context("could not become the parent of what commands leave behind")?;
    let runtime = runtime(2)?;
    runtime.block_on(async {
        let lifecycle = Lifecycle::new()?;
        let app = App::build(&config, Arc::new(SystemClock), manner).map_err(start_failure)?;
        app.run(lifecycle).await?;
        Ok(ExitCode::SUCCESS)
    })
}
