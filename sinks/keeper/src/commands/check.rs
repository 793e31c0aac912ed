//! `keeper check`

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use keeper::{
    action::Means,
    config::Config,
    keep::without_identity,
    ledger::{Ledger, LedgerError},
};
use laniakea_daemon::{TrustSource, print_line};
use serde::Serialize;

use super::{ConfigArgument, Failure, Outcome, load_rules, show::costly};

/// Arguments of `keeper check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print the facts as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Facts {
    rules: Vec<String>,
    trusted_keys: usize,
    position: Option<String>,
    notes: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let facts = check(arguments).map_err(Failure::usage)?;
    if arguments.json {
        print_line!("{}", serde_json::to_string_pretty(&facts)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line!("rules         {}", facts.rules.join(", "))?;
    print_line!("trusted keys  {}", facts.trusted_keys)?;
    print_line!("position      {}", facts.position.as_deref().unwrap_or("none yet"))?;
    for note in &facts.notes {
        print_line!("note: {note}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check(arguments: &Arguments) -> anyhow::Result<Facts> {
    let config = Config::load(&arguments.config.config)?;
    let rules = load_rules(&config)?;
    Means::new(&config)?.check()?;
    let trust = TrustSource::load(&config.trust)?.current();
    let mut notes = Vec::new();
    let position = match Ledger::open_to_read(&config.ledger()) {
        Ok(ledger) => {
            let overruns = ledger.overruns().context("the ledger cannot be used")?;
            notes.extend(overruns.iter().map(costly));
            ledger.position().context("the ledger cannot be used")?
        }
        Err(LedgerError::Absent { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    match (config.herald()?, without_identity(&rules)) {
        (Some(herald), _) => notes.push(format!("keeper's own events are {}'s", herald.name())),
        (None, Some(problem)) => bail!(problem),
        (None, None) => {}
    }
    for rule in rules.iter() {
        let strangers = rule.signed_by.iter().flatten();
        let strangers =
            strangers.filter(|signer| trust.keyring().iter().all(|(known, ..)| known != *signer));
        for stranger in strangers {
            notes.push(format!("rule {}: {stranger} in signed_by has no trusted key", rule.name));
        }
    }
    Ok(Facts {
        rules: rules.iter().map(|rule| rule.name.clone()).collect(),
        trusted_keys: trust.keyring().iter().count(),
        position: position.map(|position| position.to_string()),
        notes,
    })
}
