//! `lk quarantine drop`: remove events.

use std::path::PathBuf;

use clap::Args;
use laniakea_spool::{Pattern, Quarantine};

use crate::{
    commands::named::{resolve, tell_dropped},
    failure::Explain as _,
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
        tell_dropped(quarantine.remove(&chosen)?, self.json)
    }
}
