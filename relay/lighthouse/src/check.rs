//! First half of the relay: which submissions are events that may go into the journal.
//!
//! Comes after `source/submissions.rs`; what passes goes to `record.rs`.

mod freshness;
mod rate;

use std::{sync::Arc, time::Instant};

use crossbeam_channel::Sender;
use jiff::Timestamp;
use laniakea_daemon::Clock;
use laniakea_event::{Reason, Rejection, SignerId, SigningKey, SubmittedEvent, VerifiedEvent};
use laniakea_wire::submit::{Reply, ReplySender, ReplyTo, Submission};
use rayon::prelude::*;

pub(crate) use rate::{Admission, RateGate};

use crate::{
    counters::Counters,
    policy::{Policy, PolicySource},
    source::{Submissions, Ticket},
};

/// How soon an event that waits for its signer's rate is looked at again.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

/// An event that may be recorded, countersigned already.
pub(crate) struct CheckedEvent {
    pub(crate) event: VerifiedEvent,
    /// The source signers that may emit it.
    pub(crate) sources: Vec<SignerId>,
    pub(crate) reply_to: Option<ReplyTo>,
    /// What came from an upstream has this in place of a reply.
    pub(crate) ticket: Option<Ticket>,
}

/// The thread that checks.
pub(crate) struct Checker {
    pub(crate) submissions: Submissions,
    pub(crate) replies: ReplySender,
    pub(crate) policy: Arc<PolicySource>,
    pub(crate) key: SigningKey,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) to_record: Sender<Vec<CheckedEvent>>,
    pub(crate) gate: RateGate<SignerId, Judged>,
}

/// An event whose signatures are good, with what is still to be said about it.
pub(crate) struct Judged {
    checked: CheckedEvent,
    freshness: Result<(), Rejection>,
}

impl Checker {
    /// Checks until the source is closed; then everything was handed on.
    ///
    /// Gives back the source: its socket still has to send the recorder's last replies.
    pub(crate) fn run(mut self) -> Submissions {
        loop {
            let patience = (!self.gate.is_empty()).then_some(LOOK_AGAIN);
            let Some(submissions) = self.submissions.next(patience) else {
                // The relay stops: who waits for the rate is not to be lost.
                let waiting = self.gate.release_all();
                self.hand_on(waiting, Vec::new());
                return self.submissions;
            };
            let judged = self.judge(submissions);
            self.release(judged);
        }
    }

    /// Limits and parse, members and grammar, signatures, authorisation; spread over all cores.
    ///
    /// Freshness is looked at here and spoken of after the rate. The countersignature needs
    /// nothing that comes later, so it is made here too; on an event that is then refused or
    /// known already it is wasted.
    fn judge(
        &self,
        submissions: Vec<Submission>,
    ) -> Vec<(Option<ReplyTo>, Result<Judged, Rejection>)> {
        let policy = self.policy.current();
        let now = self.clock.now();
        let judge = |submission: Submission| {
            let Submission { event, reply_to, .. } = submission;
            let verdict = judge_one(&event, &policy, &self.key, now);
            let judged = verdict.map(|(event, sources, freshness)| Judged {
                checked: CheckedEvent { event, sources, reply_to: reply_to.clone(), ticket: None },
                freshness,
            });
            (reply_to, judged)
        };
        if submissions.len() == 1 {
            // Waking another thread would cost more than it saves.
            return submissions.into_iter().map(judge).collect();
        }
        submissions.into_par_iter().map(judge).collect()
    }

    /// Looks at the rate, in the order of arrival; what passes is handed on.
    fn release(&mut self, judged: Vec<(Option<ReplyTo>, Result<Judged, Rejection>)>) {
        let limits = self.policy.current().limits;
        self.gate.set_rate(limits.rate_per_signer, limits.rate_burst);
        let now = Instant::now();
        let mut refused = Vec::new();
        let mut passed = self.gate.released(now);
        for (reply_to, verdict) in judged {
            match verdict {
                Ok(judged) => match self.admit(judged, now) {
                    Admission::Passed(judged) => passed.push(judged),
                    Admission::Waits => {}
                    Admission::Refused(judged) => self.refuse_too_fast(judged, &mut refused),
                },
                Err(rejection) => refused.push((reply_to, rejection)),
            }
        }
        self.hand_on(passed, refused);
    }

    /// Looks at the freshness; what is fresh is recorded next, and the others hear why not.
    fn hand_on(&self, passed: Vec<Judged>, mut refused: Vec<(Option<ReplyTo>, Rejection)>) {
        let mut checked = Vec::with_capacity(passed.len());
        for Judged { checked: event, freshness } in passed {
            match freshness {
                Ok(()) => checked.push(event),
                Err(rejection) => refused.push((event.reply_to, rejection)),
            }
        }
        self.reject(refused);
        if !checked.is_empty() && self.to_record.send(checked).is_err() {
            // The recorder failed, and the process is about to end.
            tracing::debug!("events were dropped on the way to a journal that failed");
        }
    }

    fn admit(&mut self, judged: Judged, now: Instant) -> Admission<Judged> {
        let Some(signer) = judged.checked.sources.first().cloned() else {
            return Admission::Passed(judged);
        };
        let wants_answer = judged.checked.reply_to.is_some();
        // What it holds in memory is about twice its text.
        let size = judged.checked.event.signed_len() * 2;
        self.gate.admit(signer, judged, size, wants_answer, now)
    }

    fn refuse_too_fast(&self, judged: Judged, refused: &mut Vec<(Option<ReplyTo>, Rejection)>) {
        let signer = judged.checked.sources.first().map(ToString::to_string).unwrap_or_default();
        if judged.checked.reply_to.is_none() {
            self.counters.lost.add(1);
            tracing::warn!(%signer, "a signer sends too fast: an event without a reply was lost");
            return;
        }
        let detail = format!("{signer} sends too fast; send the event again later");
        refused.push((judged.checked.reply_to, Rejection::new(Reason::RateLimited, detail)));
    }

    fn reject(&self, refused: Vec<(Option<ReplyTo>, Rejection)>) {
        let mut replies = Vec::new();
        for (reply_to, rejection) in refused {
            self.counters.reject(rejection.reason());
            // Logs are sampled by reason, so that a stranger cannot fill the disk.
            tracing::info!(reason = %rejection.reason(), detail = rejection.detail(), "rejected");
            replies.extend(reply_to.map(|to| (to, Reply::rejected(&rejection))));
        }
        self.replies.send(replies);
    }
}

type GoodSignatures = (VerifiedEvent, Vec<SignerId>, Result<(), Rejection>);

fn judge_one(
    bytes: &[u8],
    policy: &Policy,
    key: &SigningKey,
    now: Timestamp,
) -> Result<GoodSignatures, Rejection> {
    let submitted = SubmittedEvent::parse(bytes, &policy.limits.of_one_event())?;
    let mut event = submitted.verify(policy.trust.keyring(), now)?;
    let sources = event.authorise(&policy.trust)?;
    let freshness = freshness::check(event.time(), event.uuid(), now, &policy.limits);
    if freshness.is_ok() {
        event.countersign(key);
    }
    Ok((event, sources, freshness))
}
