//! Second half of the relay: record, reply, fan out.
//!
//! Comes after `check.rs`. Whatever has gathered while the last group went to disk is the next
//! group, so an idle relay waits for nothing and a busy one shares its fsyncs.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use laniakea_daemon::Clock;
use laniakea_event::{Digest, Reason, Rejection};
use laniakea_journal::{Appended, Entry, Journal, JournalError, JournaledEvent};
use laniakea_wire::submit::{Reply, ReplySender, ReplyTo};

use crate::{
    check::CheckedEvent,
    counters::Counters,
    sink::Publication,
    source::{Outcome, Ticket},
};

/// The most events that go to disk together.
const MAX_GROUP: usize = 4_096;

/// The thread that records.
pub(crate) struct Recorder {
    pub(crate) checked: Receiver<Vec<CheckedEvent>>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) replies: ReplySender,
    pub(crate) publication: Publication,
    pub(crate) counters: Arc<Counters>,
}

/// Who waits to hear of an event.
struct Asker {
    reply_to: Option<ReplyTo>,
    /// Where an upstream passed it on.
    ticket: Option<Ticket>,
    digest: Digest,
}

impl Recorder {
    /// Records until the checker is done.
    ///
    /// # Errors
    ///
    /// The journal could not be written: nobody knows what is on disk, so the process ends and
    /// the next start reads it anew.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        while let Ok(checked) = self.checked.recv() {
            let group = self.gather(checked);
            let (entries, askers) = self.split(group);
            match self.journal.append(entries) {
                Ok(appended) => {
                    let journaled = self.reply(askers, appended);
                    // A crash here leaves events in the journal that were not published: their
                    // consumers find them by `prev` or by the next status.
                    self.publication.fan_out(journaled);
                }
                Err(error) if error.is_recoverable() => self.refuse(askers, &error),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn gather(&self, mut group: Vec<CheckedEvent>) -> Vec<CheckedEvent> {
        while group.len() < MAX_GROUP
            && let Ok(more) = self.checked.try_recv()
        {
            group.extend(more);
        }
        group
    }

    fn split(&self, group: Vec<CheckedEvent>) -> (Vec<Entry>, Vec<Asker>) {
        let received = self.clock.now();
        let split = |CheckedEvent { event, sources, reply_to, ticket }: CheckedEvent| {
            let digest = event.digest();
            (Entry { event, sources, received }, Asker { reply_to, ticket, digest })
        };
        group.into_iter().map(split).unzip()
    }

    fn reply(&self, askers: Vec<Asker>, appended: Vec<Appended>) -> Vec<JournaledEvent> {
        let mut journaled = Vec::with_capacity(appended.len());
        let mut replies = Vec::new();
        for (asker, appended) in askers.into_iter().zip(appended) {
            let Asker { reply_to, ticket, digest } = asker;
            if let Some(ticket) = ticket {
                journaled.extend(self.tell_upstream(ticket, &digest, appended));
                continue;
            }
            let reply = match appended {
                Appended::Journaled(event) => {
                    self.counters.accepted.add(1);
                    let reply = Reply::accepted(&digest, event.seq());
                    journaled.push(event);
                    reply
                }
                Appended::Duplicate { seq } => {
                    self.counters.duplicates.add(1);
                    Reply::duplicate(&digest, seq)
                }
                Appended::Conflict { signer } => self.conflict(&signer, &digest),
            };
            replies.extend(reply_to.map(|to| (to, reply)));
        }
        self.replies.send(replies);
        journaled
    }

    /// The follower of an upstream hears what became of an event that it passed on.
    fn tell_upstream(
        &self,
        ticket: Ticket,
        digest: &Digest,
        appended: Appended,
    ) -> Option<JournaledEvent> {
        let counters = &self.counters.upstream;
        match appended {
            Appended::Journaled(event) => {
                counters.accepted.add(1);
                ticket.tell(Outcome::Taken(event.seq()));
                return Some(event);
            }
            Appended::Duplicate { seq } => {
                counters.duplicates.add(1);
                ticket.tell(Outcome::Taken(seq));
            }
            Appended::Conflict { signer } => {
                counters.refused.add(1);
                counters.because(Reason::Conflict);
                tracing::warn!(%signer, event.digest = %digest, "an upstream passed on a second event of a uuid");
                ticket.tell(Outcome::Refused);
            }
        }
        None
    }

    /// A signer said two things under one uuid: somebody should look into it.
    fn conflict(&self, signer: &laniakea_event::SignerId, digest: &Digest) -> Reply {
        let detail = format!("{signer} has used this uuid for another event");
        let rejection = Rejection::new(Reason::Conflict, detail);
        self.counters.reject(rejection.reason());
        tracing::warn!(%signer, event.digest = %digest, "a uuid was used for a second event");
        Reply::rejected(&rejection)
    }

    /// The disk is full, or somebody holds the file. Sources that get replies send again; the
    /// others' events are lost.
    fn refuse(&self, askers: Vec<Asker>, error: &JournalError) {
        tracing::error!(%error, events = askers.len(), "events are refused for now");
        let detail = "the relay cannot write its journal at present; send the event again later";
        let rejection = Rejection::new(Reason::Unavailable, detail);
        let mut replies = Vec::new();
        for Asker { reply_to, ticket, .. } in askers {
            if let Some(ticket) = ticket {
                // The upstream has it still, and its follower waits.
                ticket.tell(Outcome::Later);
                continue;
            }
            self.counters.reject(rejection.reason());
            match reply_to {
                Some(to) => replies.push((to, Reply::rejected(&rejection))),
                None => self.counters.lost.add(1),
            }
        }
        self.replies.send(replies);
    }
}
