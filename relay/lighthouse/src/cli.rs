//! Arguments and exit codes.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{ArgAction, Parser, Subcommand};
use laniakea_daemon::{
    ConfigError, EXIT_USAGE, Failure, Lifecycle, SystemClock, TrustError, Verbosity, init_logging,
    print_line, runtime,
};

use crate::{
    app::App,
    config, init,
    maintenance::{backup::Backup, export::Export, import::Import, verify::Verify},
};

/// The relay of the event stream: verifies, authorises, journals and publishes signed events.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Log each event and rejection too.
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    verbose: bool,
    /// Log warnings and errors only.
    #[arg(short, long, global = true, action = ArgAction::SetTrue, conflicts_with = "verbose")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the relay until SIGTERM.
    Run {
        /// The configuration file.
        #[arg(long, default_value = "/etc/laniakea/lighthouse.toml")]
        config: PathBuf,
    },
    /// Check the configuration, the keys and the journal, and change nothing.
    Check {
        /// The configuration file.
        #[arg(long, default_value = "/etc/laniakea/lighthouse.toml")]
        config: PathBuf,
        /// Print the facts as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make keys, directories and a configuration for a new relay.
    Init {
        /// The directory; it is made if need be, and nothing in it is overwritten.
        dir: PathBuf,
        /// The relay's name as a signer.
        #[arg(long, default_value = "lighthouse")]
        id: String,
    },
    /// Write the journal as lines of JSON, one event each, while the relay runs or not.
    Export(Export),
    /// Take the events of an export or a backup into the relay's journal; the relay must not run.
    Import(Import),
    /// Check each event of a journal, its digest and its signatures, while the relay runs or not.
    Verify(Verify),
    /// Copy the journal while the relay runs.
    Backup(Backup),
}

pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let verbosity = Verbosity::of(arguments.verbose, arguments.quiet);
    let outcome = match arguments.command {
        Command::Run { config } => {
            init_logging(verbosity);
            run_relay(&config)
        }
        Command::Check { config, json } => check(&config, json).map_err(Failure::usage),
        Command::Init { dir, id } => init::init(&dir, &id, &SystemClock).map_err(Failure::usage),
        Command::Export(export) => export.run().map_err(Failure::from),
        Command::Import(import) => import.run().map_err(Failure::from),
        Command::Verify(verify) => verify.run().map_err(Failure::from),
        Command::Backup(backup) => backup.run().map_err(Failure::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => explain(failure).report(),
    }
}

/// Adds the hint for what somebody must mend.
fn explain(mut failure: Failure) -> Failure {
    if failure.error.is::<ConfigError>() {
        failure.exit_code = EXIT_USAGE;
    }
    if failure.exit_code == EXIT_USAGE {
        failure.hint = hint(&failure.error).map(str::to_owned);
    }
    failure
}

/// The start fails for somebody to mend; the work perhaps not for long.
fn run_relay(path: &Path) -> Result<(), Failure> {
    let config = config::load(path).map_err(Failure::usage)?;
    let app = App::build(config, path, Arc::new(SystemClock)).map_err(Failure::usage)?;
    runtime(1).map_err(Failure::usage)?.block_on(async {
        let lifecycle = Lifecycle::new().map_err(Failure::usage)?;
        Ok(app.run(lifecycle).await?)
    })
}

fn check(path: &Path, json: bool) -> anyhow::Result<()> {
    let facts = App::check(&config::load(path)?)?;
    if json {
        print_line!("{}", serde_json::to_string_pretty(&facts)?)?;
    } else {
        print_line!("{facts}")?;
    }
    Ok(())
}

fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if error.chain().any(|cause| matches!(cause.downcast_ref(), Some(TrustError::Empty { .. }))) {
        return Some("make a key with `lk key new` and trust it with `lk key trust`");
    }
    let is_absent = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::NotFound;
    if error.chain().filter_map(|cause| cause.downcast_ref()).any(is_absent) {
        return Some("`lighthouse init DIR` makes keys, directories and a configuration");
    }
    None
}
