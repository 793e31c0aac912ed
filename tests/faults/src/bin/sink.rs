//! A sink that can be killed: it writes down each event that it handles, durably.
//!
//! Its file is its effect. With a cursor beside it, the last events are handled again after a crash; without
//! one the file is the position too, so that effect and position are one and each event is handled once.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use clap::Parser;
use laniakea_event::{Digest, Seq};
use laniakea_wire::subscription::{
    CursorError, CursorFile, CursorStore, Position, Start, Subscription, SubscriptionConfig,
    SubscriptionError, Update,
};

/// Writes down what is published.
#[derive(Debug, Parser)]
struct Arguments {
    /// The relay's publish endpoint.
    #[arg(long)]
    publish: String,
    /// The relay's replay endpoint.
    #[arg(long)]
    replay: String,
    /// Where it is written to.
    #[arg(long)]
    log: PathBuf,
    /// Keep the position in this file instead of the log itself.
    #[arg(long)]
    cursor: Option<PathBuf>,
}

/// Events that are written at once.
const MAX_BATCH: usize = 256;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (mut log, position) = open(&arguments.log)?;
    let cursor: Box<dyn CursorStore> = match arguments.cursor {
        Some(path) => Box::new(CursorFile::new(path)),
        None => Box::new(InLog(position)),
    };
    let mut config = SubscriptionConfig::new(arguments.publish, Some(arguments.replay));
    config.start = Start::After(Seq::START);
    config.cursor = Some(cursor);
    let mut subscription = Subscription::open(config)?;
    log.write_all(b"start\n")?;
    while let Some(update) = subscription.next().await {
        let mut lines = Vec::new();
        let mut reached = write(update, &mut lines)?;
        for _ in 0..MAX_BATCH {
            let Some(update) = subscription.try_next() else { break };
            reached = write(update, &mut lines)?.or(reached);
        }
        log.write_all(&lines)?;
        log.sync_data()?;
        if let Some(position) = reached {
            subscription.handled(position)?;
        }
    }
    Ok(())
}

/// One line an update that matters; gives back the position of an event.
fn write(
    update: Result<Update, SubscriptionError>,
    lines: &mut Vec<u8>,
) -> anyhow::Result<Option<Position>> {
    match update? {
        Update::Event(delivery) => {
            let seq = delivery.note().map(|note| note.seq).unwrap_or_default();
            let (digest, bytes) = (delivery.digest(), Digest::of(delivery.frame()));
            let position = delivery.position();
            let journal = position.map(|position| position.journal).unwrap_or_default();
            writeln!(lines, "event {journal}:{seq} {digest} {bytes}")?;
            return Ok(position);
        }
        Update::Lost { after, before } => writeln!(lines, "lost {after} {before}")?,
        Update::Refused { seq, reason } => writeln!(lines, "refused {seq:?} {reason}")?,
        Update::JournalChanged { from, to } => writeln!(lines, "other-journal {from} {to}")?,
        Update::Contradiction { said, .. } => writeln!(lines, "contradiction {said}")?,
        Update::Progress { .. }
        | Update::CaughtUp(_)
        | Update::Complete { .. }
        | Update::Connected
        | Update::Disconnected
        | Update::HandshakeFailed(_)
        | Update::ReplaySilent => {}
    }
    Ok(None)
}

/// Opens the log behind its last whole line, and says how far it goes.
fn open(path: &Path) -> anyhow::Result<(File, Option<Position>)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    file.set_len(whole as u64)?;
    text.truncate(whole);
    let event = text.lines().rev().find_map(|line| line.strip_prefix("event "));
    let position = event.and_then(|rest| rest.split(' ').next()?.parse().ok());
    Ok((file, position))
}

/// The position as the log has it; writing the log has saved it.
struct InLog(Option<Position>);

impl CursorStore for InLog {
    fn load(&self) -> Result<Option<Position>, CursorError> {
        Ok(self.0)
    }

    fn save(&mut self, _position: Position) -> Result<(), CursorError> {
        Ok(())
    }
}
