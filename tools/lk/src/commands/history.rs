//! `lk history`: past events.

mod journal;

use clap::Args;
use laniakea_event::Prefix;

use self::journal::Journal;
use crate::{
    endpoints::ReplayEndpoint,
    follow::Selection,
    output::{EventWriter, Format},
    session::Session,
    when::When,
};

/// So many events are shown where nobody said how many, or since when.
const USUAL_LIMIT: usize = 50;

/// Arguments of `lk history`.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Which events: prefixes that end in a dot (_lk.archive.) or whole ids; none: all.
    #[arg(value_name = "PREFIX")]
    prefixes: Vec<Prefix>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    replay: ReplayEndpoint,
    /// Only what the relay took at or after this time (2026-11-01T00:00:00Z), or so long ago (2h,
    /// 30d).
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only what the relay took before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Only the newest so many of them [default: 50, with --since all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// One canonical event a line, as the relay sent it.
    #[arg(long)]
    json: bool,
}

impl History {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let time = |when: When| when.to_text(session.clock);
        let limit = match (self.limit, self.since) {
            (Some(limit), _) => Some(usize::try_from(limit)?),
            (None, Some(_)) => None,
            (None, None) => Some(USUAL_LIMIT),
        };
        let mut journal = Journal::open(&self.replay, &self.prefixes, &self.selection, session)?;
        let range = journal.range(self.since.map(time), self.until.map(time))?;
        let mut writer = EventWriter::stdout(if self.json { Format::Json } else { Format::Lines });
        match limit {
            None => journal.read(range, &mut |delivery| writer.write(&delivery))?,
            Some(limit) => {
                for delivery in journal.newest(range, limit)? {
                    writer.write(&delivery)?;
                }
            }
        }
        writer.flush()?;
        Ok(())
    }
}
