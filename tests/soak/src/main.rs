//! Runs the trials and prints what came of them; exit code 1 where one failed.

#![expect(clippy::print_stdout, reason = "the table")]

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;
use laniakea_soak::{Outcome, Scale, TRIALS, table};

/// Attacks a relay and says what it did to it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Inputs of the largest trials; the others shrink or grow with them.
    #[arg(long, default_value_t = 1_000_000, env = "SOAK_INPUTS")]
    inputs: u64,
    /// Where everything random begins, to see the same again.
    #[arg(long, default_value_t = 4)]
    seed: u64,
    /// Only these trials.
    trials: Vec<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let scale = Scale::new(arguments.inputs, arguments.seed).kept();
    let names: Vec<&str> = TRIALS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = arguments.trials.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no trial {unknown}, only {}", names.join(", "));
    }
    println!("{} inputs in the largest trials, random seed {}", arguments.inputs, arguments.seed);
    let is_wanted =
        |name: &str| arguments.trials.is_empty() || arguments.trials.iter().any(|it| it == name);
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut has_failed = false;
    for (name, run) in TRIALS.iter().filter(|(name, _)| is_wanted(name)) {
        println!("{name} ...");
        match std::panic::catch_unwind(|| run(&scale)) {
            Ok(outcome) => outcomes.push(outcome),
            // What it stumbled over has been printed; a relay that ended is the likely cause.
            Err(_) => has_failed = true,
        }
    }
    println!("\n{}", table(&outcomes));
    has_failed |= outcomes.iter().any(|outcome| !outcome.failures().is_empty());
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
