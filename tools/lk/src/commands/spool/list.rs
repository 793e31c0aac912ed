//! `lk spool list`: show what waits, and what the relay rejected.

use std::path::PathBuf;

use clap::Args;
use laniakea_spool::{Contents, Rejected, Spool, Waiting};
use serde_json::{Value as Json, json};

use crate::{
    commands::named::{describe_damaged, describe_foreign, print_damaged, short, warn_of_foreign},
    failure::Explain as _,
    output::{Table, age, print_json},
    session::Session,
};

/// Arguments of `lk spool list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The spool's directory.
    #[arg(value_name = "DIR", env = "LK_SPOOL", hide_env_values = true)]
    dir: PathBuf,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let contents = Spool::open_existing(&self.dir).or_usage()?.contents()?;
        if self.json {
            return print_json(&describe(&contents));
        }
        warn_of_foreign(&contents.foreign, session);
        print(&contents, session)?;
        if contents.waiting.is_empty() && contents.rejected.is_empty() {
            session.notices.note("nothing waits");
        }
        Ok(())
    }
}

fn print(contents: &Contents, session: &Session<'_>) -> std::io::Result<()> {
    let now = session.clock.now();
    let mut table = Table::default();
    for Waiting { name, id, bytes, since } in &contents.waiting {
        let number = name.number.to_string();
        let size = format!("{bytes} bytes");
        table.push(&[number, age(*since, now), id.to_string(), short(*name), size]);
    }
    table.print_under(&format!("waiting ({})", contents.waiting.len()))?;
    let mut table = Table::default();
    for Rejected { event: Waiting { name, id, since, .. }, reason } in &contents.rejected {
        let number = name.number.to_string();
        let reason = format!("{}: {}", reason.reason, reason.detail);
        table.push(&[number, age(*since, now), id.to_string(), short(*name), reason]);
    }
    table.print_under(&format!("rejected ({})", contents.rejected.len()))?;
    print_damaged(&contents.damaged)
}

fn describe(contents: &Contents) -> Json {
    let event = |event: &Waiting| {
        json!({
            "number": event.name.number,
            "digest": event.name.digest.to_string(),
            "id": event.id.as_str(),
            "bytes": event.bytes,
            "since": event.since.to_string(),
        })
    };
    let rejected = |rejected: &Rejected| {
        let mut facts = event(&rejected.event);
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("reason".to_owned(), rejected.reason.reason.as_str().into());
            facts.insert("detail".to_owned(), rejected.reason.detail.as_str().into());
        }
        facts
    };
    json!({
        "waiting": contents.waiting.iter().map(event).collect::<Vec<_>>(),
        "rejected": contents.rejected.iter().map(rejected).collect::<Vec<_>>(),
        "damaged": describe_damaged(&contents.damaged),
        "foreign": describe_foreign(&contents.foreign),
    })
}
