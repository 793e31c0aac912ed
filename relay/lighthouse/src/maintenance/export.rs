//! `lighthouse export`: the journal as lines of JSON, each an event as it was published.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use laniakea_event::{Prefix, Seq};
use laniakea_journal::Budget;
use laniakea_journal_sqlite::JournalReader;

use super::{
    Which,
    pages::{self, Piece},
    progress::bar,
};

/// Arguments of `lighthouse export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Which events: prefixes that end in a dot (_lk.archive.) or whole ids; all unless given.
    #[arg(value_name = "PREFIX")]
    prefixes: Vec<Prefix>,
    #[command(flatten)]
    which: Which,
    /// Only events behind this seq.
    #[arg(long, value_name = "SEQ", conflicts_with = "since")]
    after: Option<u64>,
    /// Only events from the first on that the relay took at or after this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Write to this file, which must not exist; stdout unless given.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let journal = self.which.open()?;
        let after = match (self.after, self.since) {
            (Some(after), _) => Seq(after),
            (None, Some(since)) => journal.position_at(since, Budget::UNLIMITED)?,
            (None, None) => Seq::START,
        };
        let outcome = match &self.output {
            Some(path) => export_to(path, |out| export(&journal, after, &self.prefixes, out))?,
            None => export(&journal, after, &self.prefixes, &mut io::stdout().lock())?,
        };
        outcome.report(&journal)
    }
}

#[derive(Debug, Default)]
struct Outcome {
    events: u64,
    damaged: Vec<Seq>,
    /// Retention removed what was asked for before this one.
    removed_before: Option<Seq>,
}

impl Outcome {
    #[expect(clippy::print_stderr, reason = "stdout holds the events")]
    fn report(self, journal: &JournalReader) -> anyhow::Result<()> {
        let Self { events, damaged, removed_before } = self;
        if let Some(first) = removed_before {
            eprintln!("note: the journal begins with event {first}; what came before was removed");
        }
        eprintln!("{events} events of the journal {} exported", journal.id());
        if let Some(first) = damaged.first() {
            bail!("{} events are damaged and were left out, the first is {first}", damaged.len());
        }
        Ok(())
    }
}

fn export(
    journal: &JournalReader,
    after: Seq,
    prefixes: &[Prefix],
    out: &mut impl Write,
) -> anyhow::Result<Outcome> {
    let bounds = journal.bounds()?;
    let mut outcome = Outcome {
        removed_before: (after.next() < bounds.first).then_some(bounds.first),
        ..Outcome::default()
    };
    let bar = bar(bounds.last.0.saturating_sub(after.0), "events");
    let mut out = BufWriter::with_capacity(1 << 18, out);
    pages::read(journal, after, prefixes, |piece| {
        match piece {
            Piece::Events(events, up_to) => {
                for event in events {
                    out.write_all(&event.frame)?;
                    out.write_all(b"\n")?;
                    outcome.events += 1;
                }
                bar.set_position(up_to.0.saturating_sub(after.0));
            }
            Piece::Damaged(seq, error) => {
                bar.suspend(|| warn(&error));
                outcome.damaged.push(seq);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    out.flush()?;
    bar.finish_and_clear();
    Ok(outcome)
}

#[expect(clippy::print_stderr, reason = "stdout holds the events")]
fn warn(error: &laniakea_journal::JournalError) {
    eprintln!("warning: {error}");
}

/// Writes a file that is there as a whole or not at all.
fn export_to(
    path: &Path,
    write: impl FnOnce(&mut File) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    let failed = || format!("could not write {}", path.display());
    if path.try_exists().with_context(failed)? {
        bail!("{} is there already: name a new file", path.display());
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = (|| {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        let mut file = laniakea_files::open_with(options, &part).with_context(failed)?;
        let outcome = write(&mut file)?;
        file.sync_all().with_context(failed)?;
        fs::rename(&part, path).with_context(failed)?;
        Ok(outcome)
    })();
    if written.is_err() {
        // What is wrong has been said.
        drop(fs::remove_file(&part));
    }
    written
}
