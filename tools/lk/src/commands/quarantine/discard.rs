//! `lk quarantine drop`: remove events.

use std::path::PathBuf;

use clap::Args;
use laniakea_spool::{Pattern, Quarantine};

use crate::{
    commands::named::{events, resolve},
    failure::Explain as _,
    output::{Facts, print_json},
};

/// Arguments of `lk quarantine drop`.
#[derive(Debug, Args)]
#[command(override_usage = "lk quarantine drop [OPTIONS] <DIR> <NUMBER|DIGEST>...|--all")]
pub(crate) struct Discard {
    /// The quarantine's directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Print how many as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Which events: numbers, or digests or the first 8 digits and more of them.
    #[arg(value_name = "NUMBER|DIGEST")]
    names: Vec<Pattern>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl Discard {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let quarantine = Quarantine::open_existing(&self.dir).or_usage()?;
        let names = quarantine.names()?;
        let chosen =
            if self.which.all { names } else { resolve(&self.which.names, &names, &self.dir)? };
        let dropped = quarantine.remove(&chosen)?;
        if self.json {
            return print_json(&serde_json::json!({"dropped": dropped}));
        }
        Ok(Facts::default().and("dropped", events(dropped)).print(0)?)
    }
}
