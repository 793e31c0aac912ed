//! The rules of section 4, without a socket or a clock of their own: which request to send next, which events
//! to deliver, and what was missed.
//!
//! For each subscribed prefix it knows up to which seq everything that matches was delivered. A
//! live event is delivered when `prev` says that nothing under its prefixes lies between; in
//! every other case the journal is read again from the lowest of these positions. Nobody signs what
//! a relay says of its journal: what does not fit together moves nothing, and is told.

mod holes;
mod journals;
mod live;
mod page;
mod reach;
mod recent;

use jiff::Timestamp;
use laniakea_event::{EventId, Prefix, RelayNote, Seq, write_utc};
use uuid::Uuid;

use self::{
    journals::{Journals, Named},
    reach::{Reach, Verdict},
    recent::{Known, RecentDigests},
};
use super::{
    Believe, Delivery, OtherJournal, Position, Start, SubscriptionConfig, SubscriptionError, Update,
};
use crate::replay::{Answer, Contradiction, From, Gain, Page, Read, Request};

/// Events of one page.
const PAGE: usize = 1_000;

/// What the follower wants done.
pub(super) enum Step {
    /// Hand this to the consumer.
    Tell(Update),
    /// The journal ends here, as the relay says.
    Hear(Position),
    /// The relay's journal has shown that it goes this far.
    Confirm(Position),
    /// What the relay says does not fit together.
    Contradict(Contradiction),
    /// The journal had an event that was not published to this consumer, or has not come yet.
    Unheard,
    /// End the subscription.
    Fail(SubscriptionError),
}

#[expect(clippy::struct_excessive_bools, reason = "each says something else")]
pub(super) struct Follower {
    /// Never empty.
    prefixes: Vec<Prefix>,
    reach: Reach,
    journals: Journals,
    /// How reading the current journal began.
    start: Start,
    state: State,
    believe: Believe,
    clock: fn() -> Timestamp,
    other_journal: OtherJournal,
    has_replay: bool,
    has_answered: bool,
    /// A live event went by that reading has to reach.
    is_behind: bool,
    /// Nothing has been published to this consumer since the journal went on without it.
    is_unheard: bool,
    /// A live event says that it stands there, behind what was delivered or in another journal.
    awaited: Option<Position>,
    /// An event stood there, as a page has shown.
    shown: Seq,
    /// When the relay took the event that was delivered last.
    last_received: Option<Timestamp>,
    /// Of what was delivered. It may come once more: reading began before it or in another
    /// journal, or somebody wrote another note beside it.
    delivered: RecentDigests,
    /// Events delivered since the last request was answered.
    gained: usize,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing is known yet; begin here.
    Starting(Start),
    /// Behind the journal: read from the lowest position.
    Reading,
    /// The journal ends here, the relay says: it has to show what stands there.
    Showing(Seq),
    /// Live events are delivered as they come.
    Following {
        /// The timer wants to know whether something was missed.
        wants_status: bool,
    },
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
        let current = position.map(|position| position.journal);
        Self {
            reach: Reach::new(prefixes.len()),
            prefixes,
            journals: Journals::new(current),
            state: if has_replay { State::Starting(start.clone()) } else { FOLLOWING },
            start,
            believe: config.believe.clone(),
            clock: config.clock,
            other_journal: config.other_journal,
            has_replay,
            has_answered: false,
            is_behind: false,
            is_unheard: false,
            awaited: None,
            shown: position.map_or(Seq::START, |position| position.seq),
            last_received: None,
            delivered: RecentDigests::default(),
            gained: 0,
            steps: Vec::new(),
        }
    }

    pub(super) fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// Whether the replay endpoint has answered as a relay does.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// The request that brings the follower on, if it needs one.
    pub(super) fn wanted(&self) -> Option<Request> {
        let read =
            |from| Request::Read(Read { from, prefixes: self.prefixes.clone(), limit: PAGE });
        match &self.state {
            State::Starting(Start::After(seq)) => Some(read(From::After(*seq))),
            State::Starting(Start::Since(time)) => Some(read(From::Since(time.clone()))),
            State::Reading => Some(read(From::After(self.reach.complete()))),
            State::Showing(seq) => Some(Self::show(*seq)),
            State::Starting(Start::Now) | State::Following { wants_status: true } => {
                Some(Request::Status(None))
            }
            State::Following { wants_status: false } => None,
        }
    }

    /// Asks for whatever stands there, so that a number alone moves no cursor.
    pub(super) fn show(seq: Seq) -> Request {
        let from = From::After(Seq(seq.0.saturating_sub(1)));
        Request::Read(Read { from, prefixes: Vec::new(), limit: 1 })
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

    /// The answer to what [`Self::wanted`] asked. Says what it was good for.
    pub(super) fn on_answer(&mut self, request: &Request, answer: Answer) -> Gain {
        let before = self.reach.complete();
        self.gained = 0;
        let is_full = answer.events.len() >= PAGE / 2;
        if let Err(contradiction) = self.take_answer(request, answer) {
            self.contradict(contradiction);
        }
        let is_far = self.reach.complete().0.saturating_sub(before.0) >= PAGE as u64;
        let is_at_rest = self.wanted().is_none();
        // Who reads since a live event said so, and finds nothing, may be led by the nose.
        let is_led = self.awaited.is_some();
        if is_at_rest {
            self.awaited = None;
        }
        match (is_full, self.gained > 0 || is_far || is_at_rest && !is_led, request) {
            (true, true, _) => Gain::Full,
            (_, true, _) | (.., Request::Status(_)) => Gain::Some,
            _ => Gain::Nothing,
        }
    }

    /// Whether everything was delivered that a journal has which goes this far.
    pub(super) fn is_complete(&self, last: Seq) -> bool {
        self.state == FOLLOWING && last <= self.reach.complete()
    }

    /// An answer that only the cursor wanted.
    pub(super) fn on_confirmation(&mut self, request: &Request, answer: Answer) {
        if self.journals.current != Some(answer.header.journal) {
            // It is met with the next request of the follower's own.
            self.check();
            return;
        }
        let confirmed = hold(request, answer).map(|(journal, last, page)| {
            match self.judge(journal, last) {
                Verdict::Plausible => {}
                Verdict::Doubtful => return self.check(),
                verdict => return self.take_back(&verdict, last),
            }
            let Some((Read { from: From::After(after), .. }, page)) = page else { return };
            if page.next > *after || page.first > after.next() {
                self.confirm(journal, after.next());
            }
        });
        if let Err(contradiction) = confirmed {
            self.contradict(contradiction);
        }
    }

    fn take_answer(&mut self, request: &Request, answer: Answer) -> Result<(), Contradiction> {
        let (journal, last, page) = hold(request, answer)?;
        self.has_answered = true;
        let known = self.journals.current;
        match self.journals.hear(journal) {
            Named::Current => {}
            Named::Rival => return Ok(()),
            Named::Other => {
                self.change_journal(journal);
                return Ok(());
            }
            Named::Disowned(rival) => {
                let said = format!("its journal is {rival}, and then {journal}");
                self.contradict(Contradiction(said));
                if known != Some(journal) {
                    return Ok(());
                }
            }
        }
        match self.judge(journal, last) {
            Verdict::Plausible => {}
            // What is wanted stays wanted: the next header decides.
            Verdict::Doubtful => {
                self.check();
                return Ok(());
            }
            verdict => {
                self.take_back(&verdict, last);
                return Ok(());
            }
        }
        match page {
            Some((read, page)) if read.prefixes.is_empty() => self.on_shown(read, &page),
            Some((read, page)) => self.on_page(read, page),
            None => {
                self.on_status(last);
                Ok(())
            }
        }
    }

    fn judge(&mut self, journal: Uuid, seq: Seq) -> Verdict {
        let verdict = self.reach.check(seq);
        if verdict == Verdict::Plausible {
            self.steps.push(Step::Hear(Position { journal, seq }));
        }
        verdict
    }

    /// The journal does not go as far as something said.
    fn take_back(&mut self, verdict: &Verdict, last: Seq) {
        self.state = match verdict {
            Verdict::StartOver => State::Starting(self.start.clone()),
            Verdict::Shrunk => FOLLOWING,
            _ => State::Reading,
        };
        self.shown = Seq::START;
        let said = if *verdict == Verdict::Shrunk {
            let at = self.reach.complete();
            format!(
                "its journal ends with event {last}, and was read up to {at} before: an older copy of it, \
                 whose new events this consumer does not see until it is told to begin anew"
            )
        } else {
            format!("its journal ends with event {last}, and does not go as far as it said before")
        };
        self.steps.push(Step::Contradict(Contradiction(said)));
    }

    fn on_status(&mut self, last: Seq) {
        if self.state == State::Starting(Start::Now) {
            self.reach_end(last);
        } else if last > self.reach.complete() {
            self.state = State::Reading;
            self.is_unheard = true;
        } else {
            self.state = FOLLOWING;
        }
    }

    /// Everything up to the journal's end was read, or is not wanted. A number alone is no end: an
    /// event must stand there.
    fn reach_end(&mut self, seq: Seq) {
        if seq > self.shown {
            self.state = State::Showing(seq);
            return;
        }
        if self.is_beginning(seq) {
            self.reach.pass(seq);
        }
        if let Some(journal) = self.journals.current {
            self.confirm(journal, seq);
        }
        self.catch_up_or_follow();
    }

    /// Whether nothing was read: the next event is the first that is wanted.
    fn is_beginning(&self, seq: Seq) -> bool {
        self.start == Start::Now && self.reach.complete() < seq
    }

    /// The answer to [`Self::show`].
    fn on_shown(&mut self, read: &Read, page: &Page) -> Result<(), Contradiction> {
        let (State::Showing(seq), From::After(after)) = (&self.state, &read.from) else {
            return Ok(());
        };
        let seq = *seq;
        if page.next <= *after && page.first <= seq {
            let said = format!("its journal ends with event {}, and with {seq} before", page.last);
            return Err(Contradiction(said));
        }
        self.shown = seq.max(self.shown);
        self.reach_end(seq);
        Ok(())
    }

    fn confirm(&mut self, journal: Uuid, seq: Seq) {
        self.steps.push(Step::Confirm(Position { journal, seq }));
    }

    fn catch_up_or_follow(&mut self) {
        if std::mem::take(&mut self.is_behind) {
            self.state = State::Reading;
            return;
        }
        self.state = FOLLOWING;
        if let Some(journal) = self.journals.current {
            self.tell(Update::CaughtUp(Position { journal, seq: self.reach.complete() }));
        }
    }

    fn change_journal(&mut self, to: Uuid) {
        let from = self.journals.current.unwrap_or_default();
        if let OtherJournal::Stop { accept } = self.other_journal
            && accept != Some(to)
        {
            self.steps.push(Step::Fail(SubscriptionError::OtherJournal { from, to }));
            return;
        }
        self.tell(Update::JournalChanged { from, to });
        let known = self.journals.change(to, &self.reach);
        self.shown = Seq::START;
        self.awaited = None;
        let start = self.last_received.map_or(Start::After(Seq::START), |received| {
            Start::Since(write_utc(received).to_string())
        });
        self.start = start.clone();
        self.state = if known.is_some() { State::Reading } else { State::Starting(start) };
        self.reach = known.unwrap_or_else(|| Reach::new(self.prefixes.len()));
    }

    /// Delivers an event that was not delivered yet.
    fn deliver(&mut self, delivery: Delivery, note: &RelayNote) -> Result<(), Contradiction> {
        let place = Position { journal: note.journal, seq: note.seq };
        match self.delivered.insert(delivery.digest(), place) {
            Known::New => {}
            Known::Delivered => return Ok(()),
            Known::Disputed => {
                self.refuse(&delivery, "it was delivered before, from another place");
                return Ok(());
            }
            Known::Moved(before) => {
                // Whatever stands at the other place was perhaps never delivered.
                self.reach.go_back(Seq(before.min(note.seq).0.saturating_sub(1)));
                return Err(Contradiction(format!("event {} was event {before} before", note.seq)));
            }
        }
        self.gained += 1;
        // A relay may say any time; the own clock bounds what is passed over in another journal.
        self.last_received = note.received_at().map(|received| received.min((self.clock)()));
        let (journal, seq) = (note.journal, self.reach.complete());
        let position = self.has_replay.then_some(Position { journal, seq });
        self.tell(Update::Event(Box::new(delivery.at(position))));
        Ok(())
    }

    /// What was only said so far is asked for again, once the relay has shown that it lies.
    fn contradict(&mut self, contradiction: Contradiction) {
        match self.state {
            State::Starting(_) => {}
            State::Showing(seq) if self.is_beginning(seq) => {
                self.state = State::Starting(Start::Now);
            }
            State::Showing(_) | State::Reading => {
                self.reach.distrust();
                self.state = State::Reading;
            }
            State::Following { .. } => {
                if self.reach.distrust() && self.has_replay {
                    self.state = State::Reading;
                }
            }
        }
        self.steps.push(Step::Contradict(contradiction));
    }

    fn refuse(&mut self, delivery: &Delivery, reason: &str) {
        let seq = delivery.note().map(|note| note.seq);
        self.tell(Update::Refused { seq, reason: reason.to_owned() });
    }

    fn tell(&mut self, update: Update) {
        self.steps.push(Step::Tell(update));
    }

    fn matching(&self, id: &EventId) -> Vec<usize> {
        (0..self.prefixes.len()).filter(|at| self.prefixes[*at].matches(id)).collect()
    }
}

type Held<'r> = (Uuid, Seq, Option<(&'r Read, Page)>);

/// Holds an answer against its request.
fn hold(request: &Request, answer: Answer) -> Result<Held<'_>, Contradiction> {
    let (journal, last) = (answer.header.journal, answer.header.last);
    let page = match request {
        Request::Read(read) => Some((read, Page::of(read, answer)?)),
        Request::Status(_) | Request::Get(_) => {
            answer.header.check()?;
            None
        }
    };
    Ok((journal, last, page))
}

#[cfg(test)]
mod tests;
