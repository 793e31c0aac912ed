//! `keeper`: runs actions on events.

mod commands;

use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use laniakea_daemon::{Verbosity, init_logging};

/// Runs actions on events: what cron did.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Log every event that is not believed too.
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
    /// Run actions until told to stop. SIGHUP reloads the rules.
    Run(commands::run::Arguments),
    /// Check the configuration, the rules and the keys.
    Check(commands::check::Arguments),
    /// Say what a rule would do with events from files, and do nothing.
    Test(commands::test::Arguments),
    /// Say what a rule would have done with the events of the past, and do nothing.
    Simulate(commands::simulate::Arguments),
    /// List runs, or show one.
    Runs(commands::runs::Arguments),
    /// Have a run that failed tried again.
    Retry(commands::retry::Arguments),
    /// Write rules that replace the timers of Laniakea's scheduler.
    ImportScheduler(commands::import_scheduler::Arguments),
    /// Run one command for `keeper run`, which starts this itself.
    #[command(hide = true)]
    Supervise,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_logging(Verbosity::of(arguments.verbose, arguments.quiet));
    let outcome = match arguments.command {
        Command::Run(arguments) => commands::run::run(arguments),
        Command::Check(arguments) => commands::check::run(&arguments),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Simulate(arguments) => commands::simulate::run(&arguments),
        Command::Runs(arguments) => commands::runs::run(&arguments),
        Command::Retry(arguments) => commands::retry::run(&arguments),
        Command::ImportScheduler(arguments) => commands::import_scheduler::run(&arguments),
        Command::Supervise => commands::supervise::run(),
    };
    outcome.unwrap_or_else(|failure| commands::explain(failure).report())
}
