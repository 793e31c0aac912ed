//! `lk spool drop`: remove events without sending them.

use std::path::PathBuf;

use clap::Args;
use laniakea_spool::{Name, Pattern, Spool};

use crate::{
    commands::named::{resolve, tell_dropped},
    failure::Explain as _,
};

/// Arguments of `lk spool drop`.
#[derive(Debug, Args)]
#[command(override_usage = "lk spool drop [OPTIONS] <DIR> <NUMBER|DIGEST>...|--rejected|--all")]
pub(crate) struct Discard {
    /// The spool's directory.
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
    /// All that the relay rejected.
    #[arg(long)]
    rejected: bool,
    /// All, also those that wait.
    #[arg(long)]
    all: bool,
}

impl Discard {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let spool = Spool::open_existing(&self.dir).or_usage()?;
        let rejected = spool.rejected()?;
        let names: Vec<Name> = if self.which.rejected {
            rejected
        } else {
            let mut names = spool.waiting()?;
            names.extend(rejected);
            names.sort_unstable();
            names.dedup();
            if self.which.all { names } else { resolve(&self.which.names, &names, &self.dir)? }
        };
        tell_dropped(spool.remove(&names)?, self.json)
    }
}
