//! `lk quarantine retry`: run a command for the events again.

use std::{ffi::OsString, path::PathBuf};

use anyhow::bail;
use clap::Args;
use laniakea_spool::{Held, Name, Pattern, Quarantine};
use serde_json::json;

use crate::{
    commands::{
        handler::{COMMAND_HELP, Finished, Handler, Stderr, Task},
        named::{events, resolve},
        runtime,
    },
    failure::Explain as _,
    follow::StopSignals,
    output::{Facts, print_json},
    session::Session,
};

/// Arguments of `lk quarantine retry`.
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The quarantine's directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Which events: numbers, or digests or the first 8 digits and more of them; none: all.
    #[arg(value_name = "NUMBER|DIGEST")]
    names: Vec<Pattern>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    #[arg(last = true, required = true, value_name = "COMMAND", help = COMMAND_HELP)]
    command: Vec<OsString>,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    handled: usize,
    failed: usize,
    is_stopped: bool,
}

impl Retry {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let quarantine = Quarantine::open_existing(&self.dir).or_usage()?;
        let all = quarantine.names()?;
        let chosen =
            if self.names.is_empty() { all } else { resolve(&self.names, &all, &self.dir)? };
        let handler = Handler::new(self.command, Stderr::Kept);
        let Outcome { handled, failed, is_stopped } =
            runtime()?.block_on(retry(&quarantine, &chosen, &handler, session))?;
        let left = quarantine.names()?.len();
        if self.json {
            print_json(&json!({"handled": handled, "failed": failed, "left": left}))?;
        } else {
            let facts = Facts::default().and("handled", handled).and("failed", failed);
            facts.and("left", left).print(0)?;
        }
        match failed {
            0 if is_stopped => bail!("stopped before all were tried"),
            0 => Ok(()),
            _ => bail!("the command failed for {}", events(failed)),
        }
    }
}

/// Runs the command for each, in order. What is damaged stays, and counts as failed.
async fn retry(
    quarantine: &Quarantine,
    names: &[Name],
    handler: &Handler,
    session: &Session<'_>,
) -> anyhow::Result<Outcome> {
    let mut stop = StopSignals::new()?;
    let mut outcome = Outcome::default();
    for name in names {
        let held = match quarantine.read(*name)? {
            None => continue,
            Some(Ok(held)) => held,
            Some(Err(damaged)) => {
                let (path, problem) = (damaged.path.display(), damaged.problem);
                session.notices.warning(&format!("{path} is damaged: {problem}"));
                outcome.failed += 1;
                continue;
            }
        };
        let seq = held.note().map(|note| note.seq).unwrap_or_default();
        let task = Task { id: held.id.as_str(), digest: name.digest, seq, frame: &held.frame };
        let Finished { outcome: run, is_stopping } =
            handler.run(&task, async || stop.wait().await).await?;
        match run {
            Ok(()) => {
                quarantine.remove(&[*name])?;
                outcome.handled += 1;
            }
            Err(failure) => {
                session.notices.warning(&failure.message);
                let failures = held.failures.clone().again(&failure.error, session.clock.now());
                quarantine.failed_again(&Held { failures, ..held })?;
                outcome.failed += 1;
            }
        }
        if is_stopping {
            outcome.is_stopped = true;
            break;
        }
    }
    Ok(outcome)
}
