//! Submissions as they come, held back where one connection sends too fast.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use laniakea_event::{Reason, Rejection};
use laniakea_wire::submit::{Next, Peer, Reply, ReplySender, Submission, SubmitServer};

use crate::{
    check::{Admission, RateGate},
    counters::Counters,
    policy::PolicySource,
};

/// How soon a held-back event is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The stream of submissions.
pub(crate) struct Submissions {
    server: SubmitServer,
    replies: ReplySender,
    gate: RateGate<Peer, Submission>,
    policy: Arc<PolicySource>,
    counters: Arc<Counters>,
}

impl Submissions {
    pub(crate) fn new(
        server: SubmitServer,
        policy: Arc<PolicySource>,
        counters: Arc<Counters>,
    ) -> Self {
        let replies = server.replies();
        Self { server, replies, gate: RateGate::default(), policy, counters }
    }

    /// The next events that may be looked at. It returns after at most `patience`, perhaps with
    /// none; `None` once the server is closed and nothing is held back.
    pub(crate) fn next(&mut self, patience: Option<Duration>) -> Option<Vec<Submission>> {
        let held_back = (!self.gate.is_empty()).then_some(LOOK_AGAIN);
        let patience = patience.into_iter().chain(held_back).min();
        let arrived = match self.server.next(patience) {
            Next::Batch(batch) => batch,
            Next::Quiet => Vec::new(),
            Next::Closed if self.gate.is_empty() => return None,
            // The relay stops: who was held back is not to be lost.
            Next::Closed => return Some(self.gate.release_all()),
        };
        self.counters.submitted.add(arrived.len());
        let limits = self.policy.current().limits;
        self.gate.set_rate(limits.rate_per_connection, limits.rate_burst);
        let now = Instant::now();
        let mut admitted = self.gate.released(now);
        for submission in arrived {
            let peer = submission.peer;
            let size = submission.event.len();
            let wants_reply = submission.reply_to.is_some();
            match self.gate.admit(peer, submission, size, wants_reply, now) {
                Admission::Passed(submission) => admitted.push(submission),
                Admission::Waits => {}
                Admission::Refused(submission) => self.refuse(submission),
            }
        }
        Some(admitted)
    }

    fn refuse(&self, submission: Submission) {
        let Some(reply_to) = submission.reply_to else {
            self.counters.lost.add(1);
            tracing::warn!("a connection sends too fast: an event without a reply was lost");
            return;
        };
        let detail = "this connection sends too fast; send the event again later";
        let rejection = Rejection::new(Reason::RateLimited, detail);
        self.counters.reject(rejection.reason());
        self.replies.send([(reply_to, Reply::rejected(&rejection))]);
    }
}
