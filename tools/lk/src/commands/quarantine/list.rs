//! `lk quarantine list`: show which events were set aside, and why.

use std::path::PathBuf;

use clap::Args;
use laniakea_spool::{Damaged, Held, Quarantine};
use serde_json::{Value as Json, json};

use crate::{
    commands::named::{describe_damaged, describe_foreign, print_damaged, short, warn_of_foreign},
    failure::Explain as _,
    output::{Table, age, print_json},
    session::Session,
};

/// Arguments of `lk quarantine list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The quarantine's directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print everything but the events themselves as JSON.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let quarantine = Quarantine::open_existing(&self.dir).or_usage()?;
        let mut held = Vec::new();
        let mut damaged = Vec::new();
        for name in quarantine.names()? {
            match quarantine.read(name)? {
                Some(Ok(event)) => held.push(event),
                Some(Err(problem)) => damaged.push(problem),
                None => {}
            }
        }
        let foreign = quarantine.foreign()?;
        if self.json {
            return print_json(&json!({
                "events": held.iter().map(describe).collect::<Vec<_>>(),
                "damaged": describe_damaged(&damaged),
                "foreign": describe_foreign(&foreign),
            }));
        }
        warn_of_foreign(&foreign, session);
        print(&held, &damaged, session)?;
        if held.is_empty() {
            session.notices.note("no event is in quarantine");
        }
        Ok(())
    }
}

fn print(held: &[Held], damaged: &[Damaged], session: &Session<'_>) -> std::io::Result<()> {
    let now = session.clock.now();
    let mut table = Table::default();
    for Held { name, id, failures, .. } in held {
        let error: Vec<&str> = failures.error.lines().collect();
        // How it ended, and what it said last.
        let error = match error[..] {
            [] => String::new(),
            [only] => only.to_owned(),
            [first, .., last] => format!("{first}: {last}"),
        };
        table.push(&[
            name.number.to_string(),
            age(failures.first, now),
            id.to_string(),
            short(*name),
            format!("{} tries", failures.attempts),
            error,
        ]);
    }
    table.print_under(&format!("in quarantine ({})", held.len()))?;
    print_damaged(damaged)
}

/// Everything but the event itself.
pub(super) fn describe(held: &Held) -> Json {
    json!({
        "number": held.name.number,
        "digest": held.name.digest.to_string(),
        "id": held.id.as_str(),
        "position": held.position.map(|position| position.to_string()),
        "attempts": held.failures.attempts,
        "first": held.failures.first.to_string(),
        "last": held.failures.last.to_string(),
        "error": held.failures.error,
    })
}
