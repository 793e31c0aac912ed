//! `lighthouse verify`: whether each event of a journal is what was written, and who signed it.

use std::{collections::BTreeMap, fmt, ops::ControlFlow, sync::Arc};

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;
use laniakea_daemon::{Clock, SystemClock, print_line};
use laniakea_event::{Limits, Reason, RelayNote, Seq, SigningKey, SubmittedEvent, Trust};
use laniakea_journal::StoredEvent;
use laniakea_journal_sqlite::JournalReader;
use rayon::prelude::*;
use serde::Serialize;

use super::{
    Which,
    pages::{self, Piece},
    progress::bar,
};
use crate::{config, policy::PolicySource};

/// So many damaged events are named one by one.
const NAMED: usize = 20;

/// Arguments of `lighthouse verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    which: Which,
    /// Print the facts as JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let config = config::load(&self.which.config)?;
        let key = SigningKey::load(&config.identity.key_file)?;
        let clock = Arc::new(SystemClock);
        let policy = PolicySource::load(&config, &self.which.config, key, clock.clone())?;
        let journal = self.which.open()?;
        let facts = verify(&journal, &super::believed(&config, &policy.current())?, clock.now())?;
        if self.json {
            print_line!("{}", serde_json::to_string_pretty(&facts)?)?;
        } else {
            print_line!("{facts}")?;
        }
        if facts.file != "sound" {
            bail!("the file {} is damaged: {}", journal.path().display(), facts.file);
        }
        if facts.damaged_events > 0 {
            bail!("{} events are damaged", facts.damaged_events);
        }
        Ok(())
    }
}

/// What `lighthouse verify` prints.
#[derive(Debug, Serialize)]
struct Facts {
    journal: String,
    /// What SQLite and the comparison of the tables say.
    file: String,
    events: u64,
    /// An authorised source and the relay signed them.
    verified: u64,
    /// What is written is sound, but today's keys do not say who signed it. By reason.
    unverified: BTreeMap<String, u64>,
    damaged_events: u64,
    /// The first of them.
    damaged: Vec<Damaged>,
}

#[derive(Debug, Serialize)]
struct Damaged {
    seq: Seq,
    what: String,
}

/// What became of one event.
enum Verdict {
    Verified,
    Unverified(String),
    Damaged(String),
}

fn verify(journal: &JournalReader, trust: &Trust, now: Timestamp) -> anyhow::Result<Facts> {
    let bounds = journal.bounds()?;
    let before = Seq(bounds.first.0.saturating_sub(1));
    let bar = bar(bounds.last.0.saturating_sub(before.0), "events");
    let mut facts = Facts {
        journal: journal.id().to_string(),
        file: "sound".to_owned(),
        events: 0,
        verified: 0,
        unverified: BTreeMap::new(),
        damaged_events: 0,
        damaged: Vec::new(),
    };
    if let Err(error) = journal.check() {
        facts.file = format!("{:#}", anyhow::Error::from(error));
    }
    let mut chain = Chain::new(before == Seq::START);
    pages::read(journal, before, &[], |piece| {
        match piece {
            Piece::Events(events, up_to) => {
                let verdicts: Vec<(Verdict, Option<RelayNote>)> =
                    events.par_iter().map(|event| judge(event, journal, trust, now)).collect();
                for (event, (mut verdict, note)) in events.iter().zip(verdicts) {
                    if let Some(broken) = chain.follow(event, note.as_ref()) {
                        verdict = Verdict::Damaged(broken);
                    }
                    facts.note(event.seq, verdict);
                }
                bar.set_position(up_to.0.saturating_sub(before.0));
            }
            Piece::Damaged(seq, error) => {
                let what = format!("{:#}", anyhow::Error::from(error));
                facts.note(seq, Verdict::Damaged(what));
                chain.lose();
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    bar.finish_and_clear();
    Ok(facts)
}

/// Looks at one event as if nothing were known of it.
fn judge(
    event: &StoredEvent,
    journal: &JournalReader,
    trust: &Trust,
    now: Timestamp,
) -> (Verdict, Option<RelayNote>) {
    let damaged = |what: &str| (Verdict::Damaged(what.to_owned()), None);
    let submitted = match SubmittedEvent::parse(&event.frame, &Limits::FROM_RELAY) {
        Ok(submitted) => submitted,
        Err(rejection) => return damaged(&rejection.to_string()),
    };
    if submitted.digest() != event.digest {
        return damaged("its digest is another one");
    }
    let Some(note) = submitted.unsigned().and_then(RelayNote::parse) else {
        return damaged("it has no note of the relay");
    };
    if (note.journal, note.seq) != (journal.id(), event.seq) {
        return damaged("its note says that it stands elsewhere");
    }
    match journal.find(&event.digest) {
        Ok(Some(found)) if found.seq == event.seq => {}
        _ => return damaged("the index of digests does not lead to it"),
    }
    let verdict = match submitted.verify_received(trust, now) {
        Ok(verified) if verified.signatures().signers().any(|signer| *signer == note.relay) => {
            Verdict::Verified
        }
        Ok(_) => Verdict::Unverified(format!("the key of the relay {} is not known", note.relay)),
        Err(rejection)
            if matches!(rejection.reason(), Reason::BadSignature | Reason::BadBase64) =>
        {
            Verdict::Damaged(rejection.to_string())
        }
        Err(rejection) => Verdict::Unverified(rejection.reason().to_string()),
    };
    (verdict, Some(note))
}

/// Follows `prev` from event to event.
struct Chain {
    last: BTreeMap<String, Seq>,
    /// Whether what came before is known.
    is_whole: bool,
}

impl Chain {
    fn new(is_whole: bool) -> Self {
        Self { last: BTreeMap::new(), is_whole }
    }

    /// An event is damaged: whatever id it had, later ones may point to it.
    fn lose(&mut self) {
        self.last.clear();
        self.is_whole = false;
    }

    /// Says what is wrong with the event's `prev`.
    fn follow(&mut self, event: &StoredEvent, note: Option<&RelayNote>) -> Option<String> {
        let mut broken = None;
        for prefix in event.id.prefixes() {
            let before = self.last.insert(prefix.to_owned(), event.seq);
            let before = before.or(self.is_whole.then_some(Seq::START));
            let said = note.and_then(|note| note.prev.get(prefix).copied());
            if note.is_some() && before.is_some_and(|before| said != Some(before)) {
                broken = Some(format!("its prev for {prefix:?} is wrong"));
            }
        }
        broken
    }
}

impl Facts {
    fn note(&mut self, seq: Seq, verdict: Verdict) {
        self.events += 1;
        match verdict {
            Verdict::Verified => self.verified += 1,
            Verdict::Unverified(reason) => *self.unverified.entry(reason).or_default() += 1,
            Verdict::Damaged(what) => {
                self.damaged_events += 1;
                if self.damaged.len() < NAMED {
                    self.damaged.push(Damaged { seq, what });
                }
            }
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "journal     {}", self.journal)?;
        writeln!(formatter, "file        {}", self.file)?;
        writeln!(formatter, "events      {}", self.events)?;
        write!(formatter, "verified    {}", self.verified)?;
        for (reason, count) in &self.unverified {
            write!(formatter, "\nunverified  {count}: {reason}")?;
        }
        write!(formatter, "\ndamaged     {}", self.damaged_events)?;
        for Damaged { seq, what } in &self.damaged {
            write!(formatter, "\n  event {seq}: {what}")?;
        }
        Ok(())
    }
}
