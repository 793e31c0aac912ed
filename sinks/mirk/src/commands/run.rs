//! `mirk run`

use std::{process::ExitCode, sync::Arc};

use laniakea_daemon::{Lifecycle, SystemClock, runtime};
use mirk::app::App;
use uuid::Uuid;

use super::{ConfigArgument, Failure, Outcome};

/// Arguments of `mirk run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Read on in this journal, although the relay had another one before.
    #[arg(long, value_name = "UUID")]
    accept_journal: Option<Uuid>,
}

pub(crate) fn run(arguments: Arguments) -> Outcome {
    let Arguments { config: ConfigArgument { config }, accept_journal } = arguments;
    let runtime = runtime(2)?;
    runtime.block_on(async {
        let lifecycle = Lifecycle::new()?;
        let app = App::build(&config, Arc::new(SystemClock), accept_journal).await;
        app.map_err(Failure::usage)?.run(lifecycle).await?;
        Ok(ExitCode::SUCCESS)
    })
}
