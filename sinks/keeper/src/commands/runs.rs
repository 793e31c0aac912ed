//! `keeper runs`

use std::process::ExitCode;

use anyhow::Context as _;
use keeper::{
    config::Config,
    ledger::{Ledger, RunFacts, RunTrail},
};
use laniakea_catalog::visible;
use laniakea_daemon::print_line;
use serde_json::json;

use super::{
    ConfigArgument, Outcome,
    show::{costly, counted, lines_of, moment},
};

/// Arguments of `keeper runs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A rule, whose runs are listed; or the number of a run, which is shown with its attempts,
    /// output and events. All rules unless given.
    #[arg(value_name = "RULE|RUN")]
    which: Option<String>,
    /// How many runs.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    config: ConfigArgument,
    /// Print the facts as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    show(arguments)?;
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &Arguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config.config)?;
    let ledger = Ledger::open_to_read(&config.ledger())?;
    if let Some(run) = arguments.which.as_ref().and_then(|which| which.parse().ok()) {
        return show_one(&ledger, run, arguments.json);
    }
    let runs = ledger.runs(arguments.which.as_deref(), arguments.limit)?;
    if arguments.json {
        print_line!("{}", serde_json::to_string_pretty(&runs)?)?;
        return Ok(());
    }
    for run in &runs {
        print_line!("{}", line(run))?;
    }
    for overruns in ledger.overruns()? {
        if arguments.which.as_ref().is_none_or(|which| *which == overruns.rule) {
            print_line!("note: {}", costly(&overruns))?;
        }
    }
    Ok(())
}

fn line(run: &RunFacts) -> String {
    let RunFacts { run: number, rule, key, state, attempts, events, began, problem, .. } = run;
    let state = state.as_str();
    let key = if key.is_empty() { String::new() } else { format!("  {:?}", visible(key)) };
    let attempts = if *attempts > 1 { format!(", {attempts} attempts") } else { String::new() };
    let problem = problem.as_ref().map(|problem| format!(": {}", lines_of(problem)));
    let problem = problem.unwrap_or_default();
    let (began, events) = (moment(*began), counted(*events, "event"));
    format!("{number:>6}  {began}  {state:<9}  {rule}{key}  {events}{attempts}{problem}")
}

fn show_one(ledger: &Ledger, run: i64, json: bool) -> anyhow::Result<()> {
    let RunTrail { facts, attempts, events } =
        ledger.run(run)?.with_context(|| format!("there is no run {run}"))?;
    if json {
        let events: Vec<serde_json::Value> =
            events.iter().filter_map(|event| serde_json::from_slice(&event.frame).ok()).collect();
        let whole = json!({"run": facts, "attempts": attempts, "events": events});
        print_line!("{}", serde_json::to_string_pretty(&whole)?)?;
        return Ok(());
    }
    print_line!("{}", line(&facts))?;
    for attempt in attempts {
        let ended = attempt.ended.map_or_else(|| "no end known".to_owned(), moment);
        let problem = attempt.problem.as_deref().unwrap_or("succeeded");
        let (number, began) = (attempt.number, moment(attempt.began));
        print_line!("  attempt {number}  {began} to {ended}  {}", lines_of(problem))?;
        if !attempt.output.is_empty() {
            print_line!("    {}", lines_of(&attempt.output))?;
        }
    }
    for event in events {
        print_line!("  event {} {}", event.id(), event.digest)?;
    }
    Ok(())
}
