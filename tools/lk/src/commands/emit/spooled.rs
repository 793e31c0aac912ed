//! `lk emit --spool`: the event is on disk here before anything else happens.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use laniakea_spool::{Bounds, Name, SendError, Spool, SpoolError, Step, send};
use laniakea_wire::submit::{Publisher, Receipt, SubmitError};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::{
    commands::{named::wait, spool::flush::tell},
    failure::{Explain as _, hint_for, hinted},
    output::{Facts, print_json},
    session::Session,
};

/// Where to keep an event that cannot be sent.
#[derive(Debug, Args)]
pub(super) struct Spooling {
    /// Keep the event in this directory until the relay has it: a relay that is away is then no
    /// failure. Any number of processes may share it. See `lk spool`.
    #[arg(long, value_name = "DIR", env = "LK_SPOOL", hide_env_values = true)]
    spool: Option<PathBuf>,
    /// How many events the spool may hold.
    #[arg(long, value_name = "N", default_value_t = Bounds::default().events)]
    spool_max: usize,
}

/// What became of the event.
enum Outcome {
    /// The relay has it.
    Taken(Receipt),
    /// Another process sent it, and the relay could not be asked where it stands.
    SentByAnother,
    /// It waits, with so many others.
    Waits { why: String, waiting: usize },
}

impl Spooling {
    /// The spool, if there shall be one.
    pub(super) fn open(&self) -> anyhow::Result<Option<Spool>> {
        let bounds = Bounds { events: self.spool_max, ..Bounds::default() };
        let open = |dir| Spool::open(dir, bounds);
        self.spool.as_ref().map(open).transpose().or_usage()
    }
}

/// Emits one event by way of a spool.
pub(super) struct Emission<'a> {
    pub(super) spool: &'a Spool,
    pub(super) publisher: &'a Publisher,
    pub(super) timeout: Duration,
    pub(super) session: &'a Session<'a>,
}

impl Emission<'_> {
    /// Keeps the event, then sends what waits up to it.
    pub(super) async fn run(&self, event: Vec<u8>, json: bool) -> anyhow::Result<()> {
        let name = self.put(&event).await?;
        match self.send(name, event).await? {
            Outcome::Taken(receipt) => print_taken(&receipt, json),
            Outcome::SentByAnother => print_without_seq(
                name,
                json,
                &json!({"spooled": false}),
                ("sent by", "another process"),
            ),
            Outcome::Waits { why, waiting } => {
                let dir = self.spool.path().display();
                self.session.notices.warning(&format!(
                    "spooled: {why}. {} in {dir}; the next `lk emit --spool` or `lk spool flush` \
                     sends them",
                    wait(waiting)
                ));
                let facts = json!({"spooled": true, "number": name.number, "waiting": waiting, "reason": why});
                let text = format!("number {} in {dir}; {}", name.number, wait(waiting));
                print_without_seq(name, json, &facts, ("spooled", &text))
            }
        }
    }

    /// A spool that is full may be one that nobody emptied since the relay is back.
    async fn put(&self, event: &[u8]) -> anyhow::Result<Name> {
        match self.spool.put(event) {
            Err(SpoolError::Full { .. }) => {}
            outcome => return Ok(outcome?),
        }
        let until = Instant::now() + self.timeout;
        if let Some(turn) = self.spool.wait_for_turn(until, || true).await? {
            let told = |step| tell(&step, self.session.notices);
            // If nothing could be sent, it is still full, and that is what is to be said.
            drop(send(self.spool, &turn, self.publisher, u64::MAX, told).await);
        }
        let dir = self.spool.path().display();
        let hint = format!(
            "the event was not kept. `lk spool flush {dir}` sends what waits once the relay is \
             there, `lk spool drop {dir}` removes what is not needed, --spool-max allows more"
        );
        self.spool.put(event).or_hint(hint)
    }

    async fn send(&self, name: Name, event: Vec<u8>) -> anyhow::Result<Outcome> {
        let until = Instant::now() + self.timeout;
        let turn = self.spool.wait_for_turn(until, || self.spool.holds(name)).await?;
        let mut own = None;
        if let Some(turn) = turn {
            let report = |step| match step {
                Step::Sent(sent, receipt) if sent == name => own = Some(receipt),
                Step::Rejected(rejected, ..) if rejected == name => {}
                step => tell(&step, self.session.notices),
            };
            match send(self.spool, &turn, self.publisher, name.number, report).await {
                Ok(()) => {}
                Err(SendError::Submit(error)) => return self.waits(error.to_string()),
                Err(SendError::Spool(error)) => return Err(error.into()),
                Err(error) => return Err(error.into()),
            }
        } else if self.spool.holds(name) {
            return self.waits("another process is sending".to_owned());
        }
        if let Some(receipt) = own {
            return Ok(Outcome::Taken(receipt));
        }
        if let Some(reason) = self.spool.reason(name)? {
            let (reason, detail) = (reason.reason, reason.detail);
            let dir = self.spool.path().display();
            let mend = hint_for(&reason).map(|mend| format!("{mend}. ")).unwrap_or_default();
            let hint = format!(
                "{mend}The event is set aside in the spool: `lk spool flush {dir} --rejected` sends it \
                 again, `lk spool drop {dir} {}` removes it",
                name.number
            );
            return Err(hinted(SubmitError::Rejected { reason, detail }, hint));
        }
        // Another process sent it. The relay says where it stands.
        match self.publisher.submit(event).await {
            Ok(receipt) => Ok(Outcome::Taken(receipt)),
            Err(_) => Ok(Outcome::SentByAnother),
        }
    }

    fn waits(&self, why: String) -> anyhow::Result<Outcome> {
        Ok(Outcome::Waits { why, waiting: self.spool.waiting()?.len() })
    }
}

fn print_taken(receipt: &Receipt, json: bool) -> anyhow::Result<()> {
    let Receipt { digest, seq, duplicate } = receipt;
    if json {
        let facts = json!({"digest": digest, "seq": seq, "duplicate": duplicate, "spooled": false});
        return print_json(&facts);
    }
    super::print(receipt, false)
}

/// An event of which no place is known: the facts for programs, and one for people.
fn print_without_seq(
    name: Name,
    json: bool,
    facts: &Json,
    fact: (&str, &str),
) -> anyhow::Result<()> {
    let digest = name.digest.to_string();
    if !json {
        return Ok(Facts::default().and("digest", digest).and(fact.0, fact.1).print(0)?);
    }
    let mut all = facts.clone();
    if let Some(all) = all.as_object_mut() {
        all.insert("digest".to_owned(), digest.into());
    }
    print_json(&all)
}
