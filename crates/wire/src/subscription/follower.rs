//! The rules of section 4, without a socket or a clock of their own: which request to send next, which events
//! to deliver, and what was missed.
//!
//! For each subscribed prefix it knows up to which seq everything that matches was delivered. A
//! live event is delivered when `prev` says that nothing under its prefixes lies between; in
//! every other case the journal is read again from the lowest of these positions.

mod claims;
mod holes;

use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;
use laniakea_event::{Digest, EventId, Prefix, Seq};
use uuid::Uuid;

use self::{
    claims::{Claims, Verdict},
    holes::Holes,
};
use super::{
    Believe, Delivery, OtherJournal, Position, Start, SubscriptionConfig, SubscriptionError, Update,
};
use crate::replay::{Answer, From, Header, Read, Request};

/// Events of one page.
const PAGE: usize = 1_000;

/// What the follower wants done.
pub(super) enum Step {
    /// Hand this to the consumer.
    Tell(Update),
    /// The journal goes this far.
    Confirm(Uuid, Seq),
    /// The journal had an event that was not published to this consumer, or has not come yet.
    Unheard,
    /// End the subscription.
    Fail(SubscriptionError),
}

pub(super) struct Follower {
    /// Never empty.
    prefixes: Vec<Prefix>,
    /// For each prefix: everything up to here that matches it was delivered.
    done: Vec<Seq>,
    claims: Claims,
    journal: Option<Uuid>,
    state: State,
    believe: Believe,
    clock: fn() -> Timestamp,
    other_journal: OtherJournal,
    has_replay: bool,
    /// A live event went by that reading has to reach.
    is_behind: bool,
    /// Nothing has been published to this consumer since the journal went on without it.
    is_unheard: bool,
    last_received: Option<String>,
    /// Of what was delivered. It may come once more: reading began before it or in another
    /// journal, or somebody wrote another note beside it.
    delivered: RecentDigests,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing is known yet; begin here.
    Starting(Start),
    /// Behind the journal: read from the lowest position.
    Reading,
    /// Live events are delivered as they come.
    Following {
        /// The timer wants to know whether something was missed.
        wants_status: bool,
    },
}

/// What a page says.
struct Page {
    events: Vec<Vec<u8>>,
    /// Events that the journal holds damaged.
    damaged: Vec<Seq>,
    first: Seq,
    next: Seq,
    last: Seq,
}

const FOLLOWING: State = State::Following { wants_status: false };

impl Follower {
    pub(super) fn new(config: &SubscriptionConfig, position: Option<Position>) -> Self {
        let prefixes = match &config.prefixes[..] {
            [] => vec![Prefix::everything()],
            prefixes => prefixes.to_vec(),
        };
        let start =
            position.map_or_else(|| config.start.clone(), |position| Start::After(position.seq));
        let has_replay = config.replay.is_some();
        Self {
            done: vec![Seq::START; prefixes.len()],
            claims: Claims::new(prefixes.len()),
            prefixes,
            journal: position.map(|position| position.journal),
            state: if has_replay { State::Starting(start) } else { FOLLOWING },
            believe: config.believe.clone(),
            clock: config.clock,
            other_journal: config.other_journal,
            has_replay,
            is_behind: false,
            is_unheard: false,
            last_received: None,
            delivered: RecentDigests::default(),
            steps: Vec::new(),
        }
    }

    pub(super) fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// The request that brings the follower on, if it needs one.
    pub(super) fn wanted(&self) -> Option<Request> {
        let read =
            |from| Request::Read(Read { from, prefixes: self.prefixes.clone(), limit: PAGE });
        match &self.state {
            State::Starting(Start::After(seq)) => Some(read(From::After(*seq))),
            State::Starting(Start::Since(time)) => Some(read(From::Since(time.clone()))),
            State::Reading => Some(read(From::After(self.complete()))),
            State::Starting(Start::Now) | State::Following { wants_status: true } => {
                Some(Request::Status(None))
            }
            State::Following { wants_status: false } => None,
        }
    }

    /// The connection was made or came back: something may have gone by.
    pub(super) fn look_again(&mut self) {
        self.is_behind = true;
        self.is_unheard = false;
        if self.has_replay && matches!(self.state, State::Following { .. }) {
            self.state = State::Reading;
        }
    }

    /// The timer: ask whether something went by in silence.
    pub(super) fn check(&mut self) {
        if self.has_replay && self.state == FOLLOWING {
            self.state = State::Following { wants_status: true };
        }
    }

    /// A frame of the live stream.
    pub(super) fn on_live(&mut self, topic: &[u8], frame: &[u8]) {
        self.is_unheard = false;
        if !matches!(self.state, State::Following { .. }) {
            // The journal has it, and reading will come to it.
            self.is_behind = true;
            return;
        }
        match Delivery::open(frame.to_vec(), &self.believe, (self.clock)()) {
            Ok(delivery) if delivery.id().as_str().as_bytes() != topic => {
                self.refuse(&delivery, "it was published under another id");
            }
            Ok(delivery) => self.follow(delivery),
            Err(rejection) => {
                self.tell(Update::Refused { seq: None, reason: rejection.to_string() });
            }
        }
    }

    fn follow(&mut self, delivery: Delivery) {
        let matching = self.matching(delivery.id());
        let Some(note) = delivery.note().cloned().filter(|_| !matching.is_empty()) else {
            if matching.is_empty() {
                return;
            }
            if self.has_replay {
                self.refuse(&delivery, "it has no note of the relay");
            } else {
                self.tell(Update::Event(Box::new(delivery)));
            }
            return;
        };
        if self.has_replay && self.journal != Some(note.journal) {
            // Anybody could claim that; the replay header decides.
            self.look_again();
            return;
        }
        let is_same_journal = self.journal.replace(note.journal) == Some(note.journal);
        if is_same_journal && self.is_done(&matching, note.seq) {
            return;
        }
        let previous =
            |at: &usize| note.previous(&self.prefixes[*at]).map(|prev| (prev, self.done[*at]));
        let is_gap = matching.iter().any(|at| previous(at).is_none_or(|(prev, done)| prev > done));
        if is_gap && self.has_replay {
            self.look_again();
            return;
        }
        if is_gap && is_same_journal {
            self.tell(Update::Lost { after: self.complete(), before: note.seq });
        }
        for at in matching {
            self.done[at] = note.seq;
        }
        self.deliver(delivery, note.journal, note.received);
    }

    /// The answer to what [`Self::wanted`] asked.
    pub(super) fn on_answer(&mut self, request: &Request, answer: Answer) {
        let Header { journal, first, last, next, damaged, .. } = answer.header;
        if self.journal.is_some_and(|known| known != journal) {
            self.change_journal(journal);
            return;
        }
        self.journal = Some(journal);
        let verdict = self.judge_claims(journal, last);
        match (request, next) {
            // It was asked for from positions that are no longer believed.
            _ if matches!(verdict, Verdict::Refuted(_)) => return,
            // The next header decides whether they are; reading from there would make them certain.
            (Request::Read(_), _) if verdict == Verdict::Doubtful => {}
            (Request::Read(read), Some(next)) => {
                let page = Page { events: answer.events, damaged, first, next, last };
                self.on_page(read, page);
            }
            (Request::Read(_), None) => self.fail_not_a_relay(),
            _ => self.on_status(last),
        }
        if verdict == Verdict::Doubtful {
            self.check();
        }
    }

    /// Whether everything was delivered that a journal has which goes this far.
    pub(super) fn is_complete(&self, last: Seq) -> bool {
        self.state == FOLLOWING && last <= self.complete()
    }

    /// A header that only the cursor wanted.
    pub(super) fn on_confirmation(&mut self, journal: Uuid, last: Seq) {
        // Another journal is met with the next request of the follower's own.
        if self.journal == Some(journal) && self.judge_claims(journal, last) == Verdict::Doubtful {
            self.check();
        }
    }

    /// Lets the cursor follow, unless a live event was not where it said that it stood.
    fn judge_claims(&mut self, journal: Uuid, last: Seq) -> Verdict {
        let verdict = self.claims.check(&self.done, last);
        match &verdict {
            Verdict::Plausible => self.steps.push(Step::Confirm(journal, last)),
            Verdict::Doubtful => {}
            Verdict::Refuted(certain) => {
                self.done.clone_from(certain);
                self.look_again();
                let reason = "its relay's journal does not go as far as it said".to_owned();
                self.tell(Update::Refused { seq: None, reason });
            }
        }
        verdict
    }

    fn on_status(&mut self, last: Seq) {
        if self.state == State::Starting(Start::Now) {
            self.advance(last);
            self.catch_up_or_follow();
        } else if last > self.complete() {
            self.state = State::Reading;
            self.is_unheard = true;
        } else {
            self.state = FOLLOWING;
        }
    }

    fn on_page(&mut self, read: &Read, page: Page) {
        let Page { events, damaged, first, next, last } = page;
        let mut holes = Holes::new(damaged, self.read_from(read), next);
        if let From::After(after) = read.from {
            if after.next() < first {
                self.tell(Update::Lost { after, before: first });
            }
            if next <= after && next < last {
                // It would be asked for the same page for ever.
                self.fail_not_a_relay();
                return;
            }
            self.advance(after);
        }
        for frame in events {
            match Delivery::open(frame, &self.believe, (self.clock)()) {
                Ok(delivery) => {
                    if let Some(seq) = delivery.note().map(|note| note.seq) {
                        self.tell_holes(holes.before(seq));
                    }
                    self.on_replayed(delivery, next);
                }
                Err(rejection) => {
                    self.tell(Update::Refused { seq: None, reason: rejection.to_string() });
                }
            }
        }
        self.tell_holes(holes.rest());
        self.advance(next);
        self.tell(Update::Progress { at: next, last });
        if next < last {
            self.state = State::Reading;
        } else {
            self.catch_up_or_follow();
        }
    }

    /// The position that was read from; the beginning where only the relay knows it.
    fn read_from(&self, read: &Read) -> Seq {
        match read.from {
            From::After(after) => after.max(self.complete()),
            From::Since(_) => Seq::START,
        }
    }

    fn tell_holes(&mut self, holes: Vec<(Seq, Seq)>) {
        for (after, before) in holes {
            self.tell(Update::Lost { after, before });
        }
    }

    fn on_replayed(&mut self, delivery: Delivery, next: Seq) {
        let matching = self.matching(delivery.id());
        let Some(note) = delivery.note().filter(|note| Some(note.journal) == self.journal).cloned()
        else {
            self.refuse(&delivery, "it has no note of this journal");
            return;
        };
        if matching.is_empty() || note.seq > next || self.is_done(&matching, note.seq) {
            return;
        }
        self.advance(note.seq);
        if self.is_unheard {
            self.steps.push(Step::Unheard);
        }
        self.deliver(delivery, note.journal, note.received);
    }

    fn catch_up_or_follow(&mut self) {
        if std::mem::take(&mut self.is_behind) {
            self.state = State::Reading;
            return;
        }
        self.state = FOLLOWING;
        if let Some(journal) = self.journal {
            self.tell(Update::CaughtUp(Position { journal, seq: self.complete() }));
        }
    }

    fn change_journal(&mut self, journal: Uuid) {
        let from = self.journal.replace(journal).unwrap_or_default();
        if let OtherJournal::Stop { accept } = self.other_journal
            && accept != Some(journal)
        {
            self.steps.push(Step::Fail(SubscriptionError::OtherJournal { from, to: journal }));
            return;
        }
        self.tell(Update::JournalChanged { from, to: journal });
        self.done.fill(Seq::START);
        self.claims = Claims::new(self.done.len());
        let start = self.last_received.clone().map_or(Start::After(Seq::START), Start::Since);
        self.state = State::Starting(start);
    }

    fn deliver(&mut self, delivery: Delivery, journal: Uuid, received: String) {
        if self.delivered.contains(&delivery.digest()) {
            return;
        }
        self.last_received = Some(received);
        self.delivered.insert(delivery.digest());
        let position = self.has_replay.then(|| Position { journal, seq: self.complete() });
        self.tell(Update::Event(Box::new(delivery.at(position))));
    }

    fn refuse(&mut self, delivery: &Delivery, reason: &str) {
        let seq = delivery.note().map(|note| note.seq);
        self.tell(Update::Refused { seq, reason: reason.to_owned() });
    }

    fn tell(&mut self, update: Update) {
        self.steps.push(Step::Tell(update));
    }

    fn fail_not_a_relay(&mut self) {
        let endpoint = "the replay endpoint".to_owned();
        self.steps.push(Step::Fail(SubscriptionError::NotARelay { endpoint }));
    }

    /// Everything that any prefix matches was delivered up to here.
    fn complete(&self) -> Seq {
        self.done.iter().copied().min().unwrap_or_default()
    }

    /// The journal was read up to here.
    fn advance(&mut self, seq: Seq) {
        for done in &mut self.done {
            *done = seq.max(*done);
        }
        self.claims.advance(seq);
    }

    fn matching(&self, id: &EventId) -> Vec<usize> {
        (0..self.prefixes.len()).filter(|at| self.prefixes[*at].matches(id)).collect()
    }

    /// An event was delivered if any of its prefixes is done up to it.
    fn is_done(&self, matching: &[usize], seq: Seq) -> bool {
        matching.iter().any(|at| seq <= self.done[*at])
    }
}

/// Digests of the latest deliveries.
#[derive(Default)]
struct RecentDigests {
    order: VecDeque<Digest>,
    known: BTreeSet<Digest>,
}

impl RecentDigests {
    const CAPACITY: usize = 65_536;

    fn insert(&mut self, digest: Digest) {
        if self.known.insert(digest) {
            self.order.push_back(digest);
        }
        if self.order.len() > Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn contains(&self, digest: &Digest) -> bool {
        self.known.contains(digest)
    }
}

#[cfg(test)]
mod tests;
