//! `lookout once`

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::anyhow;
use laniakea_daemon::{EXIT_REJECTED, EXIT_UNREACHABLE, SystemClock, print_line, runtime};
use laniakea_wire::submit::SubmitError;
use lookout::{
    config::{Config, SuiteName},
    diff::Counts,
    drain::{Drain, DrainError, Drained},
    record::{FirstLook, Recorded},
    stop::Stop,
    visit::Visitor,
};
use serde::Serialize;
use tokio::{runtime::Runtime, sync::watch};

use super::{Failure, announcer, drain, load, open_store};

/// How often sending is tried while the relay asks for patience, and the pause in between.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/lookout.toml")]
    config: PathBuf,
    /// Emit everything that first looks find, and not only what changes from then on.
    #[arg(long)]
    emit_initial: bool,
    /// Print what was seen as JSON, one line a suite.
    #[arg(long)]
    json: bool,
}

/// What was seen of a suite.
#[derive(Serialize)]
struct Report<'a> {
    suite: &'a str,
    archive: &'a str,
    first: bool,
    changed: bool,
    events: usize,
    new: usize,
    upgraded: usize,
    downgraded: usize,
    rebuilt: usize,
    removed: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = load(&arguments.config).map_err(Failure::usage)?;
    let store = Arc::new(Mutex::new(open_store(&config)?));
    let announcer = announcer(&config).map_err(Failure::usage)?;
    let drain = drain(&config, store.clone(), Arc::new(SystemClock)).map_err(Failure::usage)?;
    let runtime = runtime(2)?;
    let (_never, stop) = watch::channel(false);
    let stop = Stop::new(stop);

    let clock = Arc::new(SystemClock);
    let handle = runtime.handle().clone();
    let visitor = Visitor { store, announcer, clock, runtime: handle, stop: stop.clone() };
    let seen = look_at_all(arguments, &config, &visitor)?;
    // What was seen is sent even if some archive could not be read.
    let drained = send(&runtime, &drain, &stop)?;
    if !seen {
        return Err(anyhow!("not every suite could be read").into());
    }
    if drained.rejected > 0 {
        let error = anyhow!("the relay rejected {} events", drained.rejected);
        let hint = "they are in the table `rejected` of the database, with its reasons";
        return Err(Failure { exit_code: EXIT_REJECTED, error, hint: Some(hint.to_owned()) });
    }
    Ok(())
}

/// Looks at every suite; false if one could not be read.
fn look_at_all(arguments: &Arguments, config: &Config, visitor: &Visitor) -> Result<bool, Failure> {
    let first_look = if arguments.emit_initial { FirstLook::Emitted } else { FirstLook::Quiet };
    let mut complete = true;
    for (archive, suite) in config.in_order()? {
        match visitor.visit(archive, suite, first_look) {
            Ok(recorded) => print(&archive.suite(suite), recorded, arguments.json)?,
            Err(error) => {
                complete = false;
                tracing::error!("{:#}", anyhow::Error::from(error));
            }
        }
    }
    Ok(complete)
}

fn send(runtime: &Runtime, drain: &Drain, stop: &Stop) -> Result<Drained, Failure> {
    let mut attempt = 1;
    loop {
        match runtime.block_on(drain.empty(stop)) {
            Ok(drained) => return Ok(drained),
            Err(DrainError::Submit(error)) if error.awaits_trust() => {
                return Err(Failure {
                    exit_code: EXIT_REJECTED,
                    error: error.into(),
                    hint: Some(
                        "trust the key at the relay with `lk key trust`; the events are kept"
                            .to_owned(),
                    ),
                });
            }
            Err(DrainError::Submit(SubmitError::Rejected { .. })) if attempt < ATTEMPTS => {
                attempt += 1;
                std::thread::sleep(PAUSE);
            }
            Err(error @ DrainError::Submit(_)) => {
                return Err(Failure {
                    exit_code: EXIT_UNREACHABLE,
                    error: error.into(),
                    hint: Some("the events are kept and sent the next time".to_owned()),
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn print(name: &SuiteName, recorded: Option<Recorded>, json: bool) -> Result<(), Failure> {
    let Recorded { first, counts, events } = recorded.unwrap_or_default();
    let Counts { new, upgraded, downgraded, rebuilt, removed } = counts;
    if json {
        let report = Report {
            suite: &name.suite,
            archive: &name.archive,
            first,
            changed: recorded.is_some(),
            events,
            new,
            upgraded,
            downgraded,
            rebuilt,
            removed,
        };
        print_line!("{}", serde_json::to_string(&report)?)?;
    } else if recorded.is_none() {
        print_line!("{name}: nothing changed")?;
    } else {
        let first = if first { "first look, " } else { "" };
        print_line!(
            "{name}: {first}{new} new, {upgraded} upgraded, {downgraded} downgraded, \
             {rebuilt} rebuilt, {removed} removed: {events} events"
        )?;
    }
    Ok(())
}
