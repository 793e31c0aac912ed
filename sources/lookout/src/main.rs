//! `lookout`: watches APT archives and emits what changed as signed events.

mod command;

use std::{path::PathBuf, process::ExitCode};

use clap::{ArgAction, Parser, Subcommand};
use laniakea_daemon::{Verbosity, init_logging};

/// Watches APT archives and emits what changed as signed events.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Log every event too.
    #[arg(short, long, global = true, action = ArgAction::SetTrue, conflicts_with = "quiet")]
    verbose: bool,
    /// Log warnings and errors only.
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch until told to stop. SIGHUP reloads the configuration.
    Run(ConfigArgument),
    /// Check the configuration, the key and the keyrings.
    Check(ConfigArgument),
    /// Look at every suite once, send what is to be sent, and exit.
    Once(command::once::Arguments),
    /// Write a configuration that watches the archive of this machine's own distribution.
    Discover(command::discover::Arguments),
}

#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/lookout.toml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_logging(Verbosity::of(arguments.verbose, arguments.quiet));
    let outcome = match arguments.command {
        Command::Run(ConfigArgument { config }) => command::run::run(&config),
        Command::Check(ConfigArgument { config }) => command::check::run(&config),
        Command::Once(arguments) => command::once::run(&arguments),
        Command::Discover(arguments) => command::discover::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
