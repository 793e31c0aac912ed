//! `lighthouse backup`: a copy of the journal while the relay works.

use std::path::PathBuf;

use clap::Args;

use super::{Which, progress::bar};

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
    #[expect(clippy::print_stdout, reason = "what was made, and what it is good for")]
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
        println!(
            "{} holds the journal {} up to event {}.",
            copy.path().display(),
            copy.id(),
            bounds.last
        );
        println!("`lighthouse import {}` brings its events into a new journal.", self.to.display());
        Ok(())
    }
}
