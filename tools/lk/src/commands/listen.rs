//! `lk listen`: follow the stream without a gap.

use std::path::PathBuf;

use clap::Args;
use laniakea_event::{Prefix, Seq};
use laniakea_wire::subscription::{CursorFile, CursorStore, Start, SubscriptionConfig};

use crate::{
    commands::runtime,
    endpoints::StreamEndpoints,
    failure::usage,
    follow::{Follow, Printer, Selection},
    output::Format,
    session::Session,
    when::When,
};

/// Arguments of `lk listen`.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Which events: prefixes that end in a dot (_lk.archive.) or whole ids; none: all.
    #[arg(value_name = "PREFIX")]
    prefixes: Vec<Prefix>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    endpoints: StreamEndpoints,
    #[command(flatten)]
    beginning: Beginning,
    /// End after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// One canonical event a line, as the relay sent it.
    #[arg(long)]
    json: bool,
}

/// Where to begin; with the next event unless told otherwise.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Beginning {
    /// Begin after this event of the relay's journal; 0 begins with the first.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Begin with what the relay took at or after this time (2026-11-01T00:00:00Z), or so long
    /// ago (2h, 30d).
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Go on where the last run with this file ended, and keep the position in it.
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,
}

impl Listen {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let config = self.subscription(session)?;
        let format = if self.json { Format::Json } else { Format::Lines };
        let mut printer = Printer::new(format, self.count);
        runtime()?.block_on(async {
            let mut follow = Follow::open(config, self.selection.filter, session)?;
            let outcome = printer.print(&mut follow).await;
            let stored = follow.close().await;
            outcome?;
            Ok(stored?)
        })
    }

    fn subscription(&self, session: &Session<'_>) -> anyhow::Result<SubscriptionConfig> {
        let Beginning { after, since, cursor } = &self.beginning;
        let replay = self.endpoints.replay();
        if replay.is_none() && (after.is_some() || since.is_some() || cursor.is_some()) {
            return Err(usage(anyhow::anyhow!(
                "past events come from the relay's replay endpoint: give --replay"
            )));
        }
        let start = match (after, since) {
            (Some(after), _) => Start::After(Seq(*after)),
            (_, Some(since)) => Start::Since(since.to_text(session.clock)),
            _ => Start::Now,
        };
        let cursor =
            cursor.as_ref().map(|path| -> Box<dyn CursorStore> { Box::new(CursorFile::new(path)) });
        Ok(SubscriptionConfig {
            prefixes: self.prefixes.clone(),
            start,
            believe: self.selection.trusting.believe(session.notices)?,
            cursor,
            security: self.endpoints.encryption.security()?,
            ..SubscriptionConfig::new(self.endpoints.publish(), replay)
        })
    }
}
