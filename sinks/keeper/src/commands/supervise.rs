//! `keeper supervise`, which is no command for people.

use std::process::ExitCode;

use anyhow::Context as _;

use super::Outcome;

pub(crate) fn run() -> Outcome {
    // It is there once for each command that runs: one thread is enough.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("could not start the runtime")?;
    runtime.block_on(keeper::supervise::supervise()).context("could not supervise a command")?;
    Ok(ExitCode::SUCCESS)
}
