//! `lk quarantine show`: all of one event, and of what went wrong.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{anyhow, bail};
use clap::Args;
use laniakea_catalog::visible;
use laniakea_spool::{Held, Pattern, Quarantine};
use serde_json::value::RawValue;

use super::list::describe;
use crate::{
    commands::named::resolve,
    failure::Explain as _,
    output::{Facts, print_json},
};

/// Arguments of `lk quarantine show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The quarantine's directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Which event: its number, or its digest or the first 8 digits and more of it.
    #[arg(value_name = "NUMBER|DIGEST")]
    name: Pattern,
    /// Print everything as JSON, the event as the relay sent it.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let quarantine = Quarantine::open_existing(&self.dir).or_usage()?;
        let names = resolve(&[self.name], &quarantine.names()?, &self.dir)?;
        let Some(name) = names.first() else { bail!("there is no such event") };
        let held = match quarantine.read(*name)? {
            Some(Ok(held)) => held,
            Some(Err(damaged)) => {
                return Err(anyhow!("{} is damaged: {}", damaged.path.display(), damaged.problem));
            }
            None => bail!("the event is gone"),
        };
        if self.json { print_all(&held) } else { Ok(print(&held)?) }
    }
}

/// The event stays byte for byte what it was.
fn print_all(held: &Held) -> anyhow::Result<()> {
    #[derive(serde::Serialize)]
    struct All<'a> {
        #[serde(flatten)]
        about: serde_json::Value,
        event: &'a RawValue,
    }
    let event = serde_json::from_slice(&held.frame)?;
    print_json(&All { about: describe(held), event })
}

fn print(held: &Held) -> io::Result<()> {
    let Held { name, id, frame, position, failures } = held;
    let mut facts =
        Facts::default().and("number", name.number).and("id", id).and("digest", name.digest);
    if let Some(position) = position {
        facts.push("position", position);
    }
    facts.push("tries", failures.attempts);
    facts.push("first", failures.first);
    facts.push("last", failures.last);
    for (index, line) in failures.error.lines().enumerate() {
        facts.push(if index == 0 { "error" } else { "" }, line);
    }
    facts.print(0)?;
    let event = String::from_utf8_lossy(frame);
    writeln!(anstream::stdout(), "\n{}", visible(&event))
}
