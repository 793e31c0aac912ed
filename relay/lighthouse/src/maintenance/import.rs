//! `lighthouse import`: events of another journal become events of this one.
//!
//! They keep their signatures, their order and the time at which they were first received. The
//! journal that takes them is another one: it gives its own seqs, and so has an id of its own.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    ops::ControlFlow,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use indicatif::ProgressBar;
use jiff::Timestamp;
use laniakea_daemon::{Clock, SystemClock, print_line};
use laniakea_event::{Limits, RelayNote, Seq, SigningKey, SubmittedEvent, Trust};
use laniakea_journal::{Appended, Entry, Journal};
use laniakea_journal_sqlite::JournalReader;
use rayon::prelude::*;

use super::{
    pages::{self, Piece},
    progress::bar,
};
use crate::{app, config, policy::PolicySource};

/// Events that are verified together and go to disk together.
const GROUP: usize = 1_000;
/// So many refused events are named one by one.
const NAMED: usize = 20;
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Arguments of `lighthouse import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// What `lighthouse export` or `lighthouse backup` wrote; `-` is stdin.
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// The configuration file of the relay, which must not run.
    #[arg(long, value_name = "FILE", default_value = "/etc/laniakea/lighthouse.toml")]
    config: PathBuf,
}

impl Import {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let config = config::load(&self.config)?;
        check_owner(&config.data_dir)?;
        let key = SigningKey::load(&config.identity.key_file)?;
        let clock = Arc::new(SystemClock);
        let policy = PolicySource::load(&config, &self.config, key.clone(), clock.clone())?;
        let source = Source::open(&self.from)?;
        let journal = app::open_journal(&config, &key)?;
        let mut import = Importer {
            trust: &super::believed(&config, &policy.current())?,
            key,
            now: clock.now(),
            journal: &journal,
            outcome: Outcome::default(),
            bar: source.bar(),
        };
        source.read(&mut import)?;
        import.bar.finish_and_clear();
        let outcome = import.outcome;
        outcome.report(&journal)
    }
}

/// Files that root makes here the relay could not open.
fn check_owner(data_dir: &Path) -> anyhow::Result<()> {
    let metadata = data_dir
        .metadata()
        .with_context(|| format!("could not use the data directory {}", data_dir.display()))?;
    let me = rustix::process::geteuid().as_raw();
    ensure!(
        metadata.uid() == me,
        "{} belongs to the user {}, and this is the user {me}: run it as the user of the relay, \
         such as `sudo -u '#{}' lighthouse import …`",
        data_dir.display(),
        metadata.uid(),
        metadata.uid()
    );
    Ok(())
}

/// Where the events come from.
enum Source {
    Lines { lines: Box<dyn BufRead>, bytes: u64 },
    Journal(JournalReader),
}

impl Source {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Lines { lines: Box::new(io::stdin().lock()), bytes: 0 });
        }
        let failed = || format!("could not read {}", path.display());
        #[expect(
            clippy::disallowed_methods,
            reason = "whoever names a pipe has it read to its end"
        )]
        let file = File::open(path).with_context(failed)?;
        let bytes = file.metadata().with_context(failed)?.len();
        let mut lines = BufReader::with_capacity(1 << 18, file);
        if lines.fill_buf().with_context(failed)?.starts_with(SQLITE) {
            return Ok(Self::Journal(super::open(path)?));
        }
        Ok(Self::Lines { lines: Box::new(lines), bytes })
    }

    fn bar(&self) -> ProgressBar {
        match self {
            Self::Lines { bytes: 0, .. } => ProgressBar::hidden(),
            Self::Lines { bytes, .. } => bar(*bytes, "bytes"),
            Self::Journal(journal) => {
                bar(journal.bounds().map_or(0, |bounds| bounds.last.0), "events")
            }
        }
    }

    fn read(self, import: &mut Importer<'_>) -> anyhow::Result<()> {
        match self {
            Self::Lines { lines, .. } => read_lines(lines, import),
            Self::Journal(journal) => pages::read(&journal, Seq::START, &[], |piece| {
                match piece {
                    Piece::Events(events, up_to) => {
                        let named = events
                            .into_iter()
                            .map(|event| (format!("event {}", event.seq), event.frame));
                        import.take(named.collect())?;
                        import.bar.set_position(up_to.0);
                    }
                    Piece::Damaged(seq, error) => {
                        import.refuse(&format!("event {seq}"), &error.to_string());
                    }
                }
                Ok(ControlFlow::Continue(()))
            }),
        }
    }
}

fn read_lines(mut lines: Box<dyn BufRead>, import: &mut Importer<'_>) -> anyhow::Result<()> {
    // A line that is longer is no event; it is passed over without being held.
    let longest = Limits::FROM_RELAY.max_bytes as u64 + 1;
    let mut group = Vec::with_capacity(GROUP);
    let mut bytes = 0;
    for number in 1_u64.. {
        let mut line = Vec::new();
        lines.by_ref().take(longest).read_until(b'\n', &mut line).context("could not read on")?;
        if line.is_empty() {
            break;
        }
        bytes += line.len() as u64;
        let name = format!("line {number}");
        match line.pop() {
            Some(b'\n') if line.is_empty() => {}
            Some(b'\n') => group.push((name, line)),
            _ if bytes_are_left(&mut *lines, longest, line.len())? => {
                bytes += skip_line(&mut *lines).context("could not read on")?;
                import.refuse(&name, "it is longer than any event");
            }
            _ => import.refuse(&name, "the file ends in the middle of it"),
        }
        if group.len() == GROUP {
            import.take(std::mem::take(&mut group))?;
            import.bar.set_position(bytes);
        }
    }
    import.take(group)
}

/// Whether a line without an end was cut because it is too long, and not because the file ends.
fn bytes_are_left(lines: &mut dyn BufRead, longest: u64, read: usize) -> anyhow::Result<bool> {
    let is_cut = read as u64 + 1 >= longest;
    Ok(is_cut && !lines.fill_buf().context("could not read on")?.is_empty())
}

fn skip_line(lines: &mut dyn BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = lines.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        lines.consume(length);
        skipped += length as u64;
        if end.is_some() || length == 0 {
            return Ok(skipped);
        }
    }
}

struct Importer<'a> {
    trust: &'a Trust,
    key: SigningKey,
    now: Timestamp,
    journal: &'a dyn Journal,
    outcome: Outcome,
    bar: ProgressBar,
}

#[derive(Debug, Default)]
struct Outcome {
    imported: u64,
    known: u64,
    refused: u64,
}

impl Importer<'_> {
    /// Takes a group as a whole: a crash in between leaves a beginning, and the next import goes on.
    fn take(&mut self, group: Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
        let opened: Vec<Result<Entry, String>> = group
            .par_iter()
            .map(|(_, frame)| open(frame, self.trust, &self.key, self.now))
            .collect();
        let (mut names, mut entries) = (Vec::new(), Vec::new());
        for ((name, _), opened) in group.into_iter().zip(opened) {
            match opened {
                Ok(entry) => {
                    names.push(name);
                    entries.push(entry);
                }
                Err(reason) => self.refuse(&name, &reason),
            }
        }
        let appended = self.journal.append(entries).context(
            "not everything was imported; mend that and import again: what is there is passed over",
        )?;
        for (name, appended) in names.iter().zip(appended) {
            match appended {
                Appended::Journaled(_) => self.outcome.imported += 1,
                Appended::Duplicate { .. } => self.outcome.known += 1,
                Appended::Conflict { signer } => {
                    self.refuse(name, &format!("{signer} has used its uuid for another event"));
                }
            }
        }
        Ok(())
    }

    #[expect(clippy::print_stderr, reason = "the operator has to know")]
    fn refuse(&mut self, name: &str, reason: &str) {
        self.outcome.refused += 1;
        if self.outcome.refused <= NAMED as u64 {
            self.bar.suspend(|| eprintln!("warning: {name} was not imported: {reason}"));
        }
    }
}

/// As a consumer believes an event that a relay took, now or long ago.
fn open(frame: &[u8], trust: &Trust, key: &SigningKey, now: Timestamp) -> Result<Entry, String> {
    let submitted = SubmittedEvent::parse(frame, &Limits::FROM_RELAY)
        .map_err(|rejection| rejection.to_string())?;
    let note = submitted.unsigned().and_then(RelayNote::parse);
    let received = note.and_then(|note| note.received_at());
    let received = received.ok_or("no relay says when it took it")?;
    let mut event =
        submitted.verify_received(trust, now).map_err(|rejection| rejection.to_string())?;
    let sources = event.authorise(trust).map_err(|rejection| rejection.to_string())?;
    event.countersign(key);
    Ok(Entry { event, sources, received })
}

impl Outcome {
    fn report(self, journal: &dyn Journal) -> anyhow::Result<()> {
        let Self { imported, known, refused } = self;
        let bounds = journal.bounds()?;
        print_line!("{imported} events imported, {known} were there already")?;
        print_line!("journal {}, events {} to {}", journal.id(), bounds.first, bounds.last)?;
        if refused > 0 {
            bail!("{refused} events were not imported");
        }
        Ok(())
    }
}
