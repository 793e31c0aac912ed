//! `mirk`: posts what happens on the stream to Matrix rooms.

mod commands;

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use laniakea_daemon::{Verbosity, init_logging_with};

/// Posts what happens on the stream to Matrix rooms.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Log every message too.
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
    /// Post until told to stop. SIGHUP reloads the configuration.
    Run(commands::run::Arguments),
    /// Check the configuration, the templates and the keys.
    Check(commands::check::Arguments),
    /// Log in, once: make this machine a device of the account.
    Login(commands::login::Arguments),
    /// Show what rooms would get for events.
    Render(commands::render::Arguments),
    /// Turn a configuration of Laniakea's Mirk into ours.
    Import(commands::import::Arguments),
    /// Say what became of an event, and why.
    Why(commands::why::Arguments),
}

/// The SDK tells of each request, with all that is in it, and calls every 404 an error.
const SDK_LOGS: &str = "matrix_sdk=error,matrix_sdk::http_client=off";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_logging_with(Verbosity::of(arguments.verbose, arguments.quiet), SDK_LOGS);
    let outcome = match arguments.command {
        Command::Run(arguments) => commands::run::run(arguments),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Login(arguments) => commands::login::run(&arguments),
        Command::Render(arguments) => commands::render::run(&arguments),
        Command::Import(arguments) => commands::import::run(&arguments),
        Command::Why(arguments) => commands::why::run(&arguments),
    };
    outcome.unwrap_or_else(|failure| commands::explain(failure).report())
}
