//! `lk listen`: follow the stream without a gap.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;
use laniakea_event::{Prefix, Seq};
use laniakea_wire::subscription::{CursorFile, CursorStore, Start, SubscriptionConfig};

use crate::{
    commands::runtime,
    endpoints::{RelayAt, RelayEndpoints},
    failure::usage,
    follow::{Follow, Printer, SINK_NAME_HELP, Selection, parse_sink_name},
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
    endpoints: RelayEndpoints,
    #[command(flatten)]
    beginning: Beginning,
    #[arg(
        long,
        value_name = "NAME",
        value_parser = parse_sink_name,
        requires = "cursor",
        help = SINK_NAME_HELP
    )]
    name: Option<String>,
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
    /// Go on where the last run with this file ended, and keep the position in it. With several
    /// relays each has a file of its own: FILE and the relay's --from, such as
    /// FILE.tcp-relay.example.org-5572.
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,
}

impl Listen {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let configs = self.subscriptions(session)?;
        let format = if self.json { Format::Json } else { Format::Lines };
        let mut printer = Printer::new(format, self.count);
        runtime()?.block_on(async {
            let mut follow = Follow::open_several(configs, self.selection.filter, session)?;
            let outcome = printer.print(&mut follow).await;
            let stored = follow.close().await;
            outcome?;
            Ok(stored?)
        })
    }

    fn subscriptions(&self, session: &Session<'_>) -> anyhow::Result<Vec<SubscriptionConfig>> {
        let relays = self.endpoints.relays()?;
        let Beginning { after, since, cursor } = &self.beginning;
        if after.is_some() && relays.len() > 1 {
            return Err(usage(anyhow::anyhow!(
                "each relay counts its own events, so --after is for one alone: give --since"
            )));
        }
        let believe = self.selection.trusting.believe(session.notices)?;
        let security = self.endpoints.encryption.security()?;
        let start = match (after, since) {
            (Some(after), _) => Start::After(Seq(*after)),
            (_, Some(since)) => Start::Since(since.to_text(session.clock)),
            _ => Start::Now,
        };
        let mut files = BTreeSet::new();
        let mut configs = Vec::new();
        for RelayAt { publish, replay } in &relays {
            if replay.is_none() && (after.is_some() || since.is_some() || cursor.is_some()) {
                return Err(usage(anyhow::anyhow!(
                    "past events come from the relay's replay endpoint: give --replay"
                )));
            }
            let cursor = cursor.as_ref().map(|file| match &relays[..] {
                [_] => file.clone(),
                _ => cursor_of(file, publish),
            });
            if let Some(cursor) = &cursor
                && !files.insert(cursor.clone())
            {
                return Err(usage(anyhow::anyhow!(
                    "two relays would keep their position in {}",
                    cursor.display()
                )));
            }
            configs.push(SubscriptionConfig {
                prefixes: self.prefixes.clone(),
                name: self.name.clone(),
                start: start.clone(),
                believe: believe.clone(),
                cursor: cursor
                    .map(|path| -> Box<dyn CursorStore> { Box::new(CursorFile::new(path)) }),
                security: security.clone(),
                ..SubscriptionConfig::new(publish.clone(), replay.clone())
            });
        }
        Ok(configs)
    }
}

/// A relay's own file beside the one that was named.
fn cursor_of(file: &Path, publish: &str) -> PathBuf {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '.';
    let parts: Vec<&str> =
        publish.split(|character| !is_plain(character)).filter(|part| !part.is_empty()).collect();
    let mut path = file.as_os_str().to_owned();
    path.push(".");
    path.push(parts.join("-"));
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_relay_keeps_its_position_in_a_file_of_its_own() {
        for (publish, file) in [
            ("tcp://relay.example.org:5572", "x/cursor.tcp-relay.example.org-5572"),
            ("tcp://[::1]:5572", "x/cursor.tcp-1-5572"),
            ("ipc:///run/lighthouse/../publish", "x/cursor.ipc-run-lighthouse-..-publish"),
        ] {
            assert_eq!(cursor_of(Path::new("x/cursor"), publish), Path::new(file));
        }
    }
}
