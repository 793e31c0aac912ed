//! `lighthouse backup`: a copy of the journal while the relay works.

use std::path::PathBuf;

use clap::Args;

use super::{Which, progress::bar};
use laniakea_daemon::print_line;

/// Arguments of `lighthouse backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write, which must not exist.
    #[arg(value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    which: Which,
}

impl Backup {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let journal = self.which.open()?;
        let bar = bar(0, "pages");
        journal.back_up(&self.to, &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        })?;
        bar.finish_and_clear();
        let copy = super::open(&self.to)?;
        let bounds = copy.bounds()?;
        print_line!(
            "{} holds the journal {} up to event {}.",
            copy.path().display(),
            copy.id(),
            bounds.last
        )?;
        print_line!(
            "`lighthouse import {}` brings its events into a new journal.",
            self.to.display()
        )?;
        Ok(())
    }
}
