//! `lk status`: the relay's state and its consumers.

use std::{io, time::Duration};

use clap::Args;
use indicatif::HumanDuration;
use laniakea_catalog::visible;
use laniakea_wire::replay::{Header, Request, SinkStanding, SinkState};
use serde_json::{Value as Json, json};

use crate::{
    endpoints::ReplayEndpoint,
    output::{Facts, print_json},
    session::Session,
};

/// Arguments of `lk status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    replay: ReplayEndpoint,
    /// Print the state as JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let header = self.replay.connect()?.request(&Request::Status(None))?.header;
        if self.json {
            return print_json(&describe(&header));
        }
        print(&header)?;
        for warning in header.sinks.iter().flatten().filter_map(warning) {
            session.notices.warning(&warning);
        }
        Ok(())
    }
}

/// How many events the consumer has not handled; `None` if it reads another journal.
fn behind(header: &Header, sink: &SinkState) -> Option<u64> {
    (sink.journal == header.journal).then(|| header.last.0.saturating_sub(sink.seq.0))
}

/// What is wrong with a consumer.
fn warning(sink: &SinkState) -> Option<String> {
    let name = visible(&sink.name);
    let seconds = Duration::from_secs(sink.idle.unwrap_or_default());
    let time = HumanDuration(seconds);
    match sink.standing? {
        SinkStanding::Following => None,
        SinkStanding::Stalled => Some(format!("{name} stalls: it has handled nothing for {time}")),
        SinkStanding::Silent => Some(format!("{name} is silent: it last reported {time} ago")),
    }
}

fn describe(header: &Header) -> Json {
    let sinks = header.sinks.iter().flatten();
    let sinks: Vec<Json> = sinks
        .map(|sink| {
            json!({
                "name": sink.name,
                "journal": sink.journal,
                "seq": sink.seq,
                "behind": behind(header, sink),
                "seen": sink.seen,
                "standing": sink.standing,
                "idle": sink.idle,
            })
        })
        .collect();
    json!({
        "relay": header.relay,
        "journal": header.journal,
        "first": header.first,
        "last": header.last,
        "time": header.time,
        "counters": header.counters,
        "sinks": sinks,
    })
}

fn print(header: &Header) -> io::Result<()> {
    let (first, last) = (header.first, header.last);
    let events = if last < first { "none".to_owned() } else { format!("{first} to {last}") };
    Facts::default()
        .and("relay", header.relay.as_deref().unwrap_or("?"))
        .and("journal", header.journal)
        .and("events", events)
        .and("time", header.time.as_deref().unwrap_or("?"))
        .print(0)?;
    if let Some(counters) = &header.counters {
        let mut facts = Facts::default();
        for (name, count) in counters {
            facts.push(name, count);
        }
        facts.print_under("counters")?;
    }
    if let Some(sinks) = &header.sinks {
        let mut facts = Facts::default();
        for sink in sinks {
            let behind = match behind(header, sink) {
                Some(0) => "up to date".to_owned(),
                Some(behind) => format!("{behind} behind"),
                None => "reads another journal".to_owned(),
            };
            let standing = match sink.standing {
                Some(standing @ (SinkStanding::Stalled | SinkStanding::Silent)) => {
                    format!("{standing}, ")
                }
                Some(SinkStanding::Following) | None => String::new(),
            };
            let place = format_args!("{behind}, at {}, seen {}", sink.seq, sink.seen);
            facts.push(&sink.name, format_args!("{standing}{place}"));
        }
        facts.print_under("sinks")?;
    }
    Ok(())
}
