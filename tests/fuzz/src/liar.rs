//! A relay that lies for a while, and is then found to be honest.
//!
//! Whatever it said, in the end the consumer has every event that the honest relay has, or was told
//! what it lacks; and no position was stored beyond what was delivered. What no consumer can know is
//! left out: a relay that withholds events from a filtered subscription and writes notes that fit,
//! where the stream was when a consumer began with the next event, and where a time stands in a journal.

use std::collections::BTreeSet;

use laniakea_event::{Limits, RelayNote, Seq, SubmittedEvent, VerifiedEvent};
use laniakea_wire::{
    replay::{Answer, From, Read, Request},
    subscription::{OtherJournal, Start, Update},
};
use uuid::Uuid;

use crate::{
    follower::settle,
    honest::{Draft, Relay},
    input::Input,
    watched::{EVENTS, MAX_STEPS, PREFIXES, Watched},
    world::note,
};

/// What a session came to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Session {
    /// Answers that were lies.
    pub lies: usize,
    /// Contradictions that were told.
    pub contradictions: usize,
    /// Events that the consumer lacks in the end, and was told so.
    pub lacking: usize,
    /// Events that it has.
    pub delivered: usize,
}

/// The fuzz target.
pub fn follower_liar(bytes: &[u8]) {
    session(bytes);
}

/// Plays a script.
///
/// # Panics
///
/// An event is lacking, and nothing was said.
pub fn session(bytes: &[u8]) -> Session {
    let mut input = Input::new(bytes);
    let mut scene = Scene::new(&mut input);
    for _ in 0..MAX_STEPS {
        if input.is_empty() || scene.watched.has_ended {
            break;
        }
        scene.step(&mut input);
        scene.watched.look();
        scene.check_stored();
    }
    scene.come_clean();
    scene.judge()
}

struct Scene {
    watched: Watched,
    relay: Relay,
    prefixes: &'static [&'static str],
    /// The consumer began with the next event; so many events were there when the relay became
    /// honest.
    starts_now: bool,
    /// Notes were made to fit what was withheld.
    is_seamless: bool,
    /// Events that became bytes which nobody can read.
    mangled: BTreeSet<Seq>,
    /// Places that events were said to have, and their own.
    forged: BTreeSet<(Seq, Seq)>,
    /// A page since a time that was a lie went this far.
    misled_to: Seq,
    /// How far the relay's journal went when it became honest, and what had been told by then.
    honest_from: Seq,
    told_before: usize,
    lies: usize,
}

impl Scene {
    fn new(input: &mut Input<'_>) -> Self {
        let prefixes = PREFIXES[input.below(PREFIXES.len())];
        let starts_now = input.below(4) == 0;
        let start = if starts_now { Start::Now } else { Start::After(Seq::START) };
        let mut relay = Relay::new(1);
        EVENTS[..input.below(8)].iter().for_each(|event| relay.take(event));
        Self {
            watched: Watched::new(prefixes, start, None, OtherJournal::ReadOn),
            relay,
            prefixes,
            starts_now,
            is_seamless: false,
            mangled: BTreeSet::new(),
            forged: BTreeSet::new(),
            misled_to: Seq::START,
            honest_from: Seq::START,
            told_before: usize::MAX,
            lies: 0,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(8) {
            0 => self.take(input.below(2) == 0),
            1 => self.lie_live(input),
            2 => self.watched.rules.look_again(),
            3 => self.watched.rules.check(),
            4 => {
                let Some(request) = self.watched.rules.unconfirmed() else { return };
                let answer = self.answer(&request, input);
                self.watched.confirm(&request, answer);
            }
            _ => {
                let Some(request) = self.watched.rules.wanted() else { return };
                let answer = self.answer(&request, input);
                self.watched.answer(&request, answer);
            }
        }
    }

    /// The next event, but for the last of each id: the honest relay keeps these.
    fn take(&mut self, is_published: bool) {
        let at = self.relay.taken().len();
        if at < EVENTS.len() - 4 {
            self.relay.take(&EVENTS[at]);
            if is_published {
                self.publish(at);
            }
        }
    }

    fn publish(&mut self, at: usize) {
        let Some((id, frame)) = self.relay.publication(at) else { return };
        self.watched.rules.on_live(id.as_bytes(), &frame);
    }

    /// A good event with a note that is none.
    fn lie_live(&mut self, input: &mut Input<'_>) {
        let event = &EVENTS[input.below(EVENTS.len())];
        let (journal, seq) = (input.journal(), input.seq());
        let prev = if input.below(2) == 0 { Seq(seq.0.saturating_sub(1)) } else { input.seq() };
        let note = note(event.id(), journal, seq, prev);
        self.forged.extend(own_place(event).map(|own| (seq, own)));
        // It says that nothing lies between, whatever does.
        self.is_seamless = true;
        self.watched.rules.on_live(event.id().as_str().as_bytes(), &event.frame(&note));
    }

    fn answer(&mut self, request: &Request, input: &mut Input<'_>) -> Answer {
        let draft = self.relay.draft(request);
        if input.below(3) == 0 {
            return draft.finish();
        }
        self.lies += 1;
        let answer = self.lie(draft, request, input);
        let said = answer.events.iter().filter_map(|frame| said_place(frame));
        self.forged.extend(said.filter(|(place, own)| place != own));
        if matches!(request, Request::Read(Read { from: From::Since(_), .. })) {
            self.misled_to = self.misled_to.max(answer.header.next.unwrap_or_default());
        }
        answer
    }

    fn lie(&mut self, draft: Draft, request: &Request, input: &mut Input<'_>) -> Answer {
        match input.below(24) {
            kind @ 0..8 => lie_in_header(draft, kind, input).finish(),
            kind @ 8..16 => lie_in_order(draft, kind, input).finish(),
            kind @ 16..20 => {
                self.is_seamless = true;
                lie_in_notes(draft, kind, input).finish()
            }
            20 => {
                self.is_seamless = true;
                lie_of_an_end(draft, request, input).finish()
            }
            kind => self.mangle(draft, kind, input),
        }
    }

    /// Bytes in the place of an event, or beside the others.
    fn mangle(&mut self, mut draft: Draft, kind: usize, input: &mut Input<'_>) -> Answer {
        let at = input.below(draft.events.len().max(1));
        if kind == 21 && at < draft.events.len() {
            self.mangled.insert(draft.events[at].1.seq);
            let mut answer = draft.finish();
            answer.events[at] = input.take(3).to_vec();
            return answer;
        }
        let extra = EVENTS[input.below(EVENTS.len())].clone();
        let extra_note = note(extra.id(), self.relay.journal, input.seq(), Seq::START);
        draft.events.insert(at.min(draft.events.len()), (extra, extra_note));
        self.is_seamless = true;
        let mut answer = draft.finish();
        if kind == 22 {
            answer.header.count = Some(answer.events.len());
        }
        answer
    }

    /// From now on the relay tells the truth. It takes all other events, one more of each id at
    /// the least.
    fn come_clean(&mut self) {
        self.told_before = self.watched.told.len();
        self.watched.rules.look_again();
        settle(&mut self.watched, &self.relay);
        self.honest_from = self.relay.last();
        for event in &EVENTS[self.relay.taken().len()..] {
            self.relay.take(event);
            self.publish(self.relay.taken().len() - 1);
            self.watched.look();
            settle(&mut self.watched, &self.relay);
        }
        for _ in 0..3 {
            self.watched.rules.look_again();
            settle(&mut self.watched, &self.relay);
            self.watched.rules.check();
            settle(&mut self.watched, &self.relay);
            if let Some(request) = self.watched.rules.unconfirmed() {
                self.watched.confirm(&request, self.relay.answer(&request));
                self.watched.look();
            }
        }
        self.check_stored();
    }

    /// Nothing up to the position that is stored was passed over in silence.
    fn check_stored(&self) {
        let Some(stored) = self.watched.stored() else { return };
        // Of a filtered subscription only an honest relay shows what was withheld.
        let is_known =
            self.prefixes.is_empty() && !self.is_seamless || self.told_before < usize::MAX;
        if is_known && stored.journal == self.relay.journal && !self.starts_now {
            self.check_up_to(stored.seq);
        }
    }

    /// Events that are not there, of which something was said.
    fn check_up_to(&self, last: Seq) -> usize {
        let mut lacking = 0;
        for (event, note) in self.wanted().filter(|(_, note)| note.seq <= last) {
            if self.watched.delivered.contains(&event.digest()) {
                continue;
            }
            assert!(self.is_told(note.seq), "{} is lacking, and {:?}", note.seq, self.watched.told);
            lacking += 1;
        }
        lacking
    }

    fn wanted(&self) -> impl Iterator<Item = &(VerifiedEvent, RelayNote)> {
        let begin = if self.starts_now { self.honest_from } else { Seq::START };
        let all = self.prefixes.is_empty();
        let taken = self.relay.taken().iter().filter(move |(_, note)| note.seq > begin);
        taken.filter(move |(event, _)| (all || !self.is_seamless) && self.watched.means(event.id()))
    }

    /// An event that stood in the place of another shows that only where its own place is read.
    fn is_told(&self, seq: Seq) -> bool {
        let hidden = self.forged.range((seq, Seq::START)..=(seq, Seq(u64::MAX)));
        self.is_missing(seq) || hidden.into_iter().any(|(_, own)| self.is_missing(*own))
    }

    fn is_missing(&self, seq: Seq) -> bool {
        seq <= self.misled_to || self.mangled.contains(&seq)
            || self.watched.told.iter().any(|update| match update {
                Update::Lost { after, before } => *after < seq && seq < *before,
                Update::Refused { seq: Some(refused), .. } => *refused == seq,
                _ => false,
            })
            // It was read further than the honest relay's journal goes.
            || self.watched.told.iter().skip(self.told_before).any(|update| {
                matches!(update, Update::Contradiction { said, .. } if said.to_string().contains("was read up to"))
            })
    }

    fn judge(&self) -> Session {
        let is_contradiction = |update: &&Update| matches!(update, Update::Contradiction { .. });
        Session {
            lies: self.lies,
            contradictions: self.watched.told.iter().filter(is_contradiction).count(),
            lacking: self.check_up_to(Seq(u64::MAX)),
            delivered: self.watched.delivered.len(),
        }
    }
}

/// Where the honest relay has an event.
fn own_place(event: &VerifiedEvent) -> Option<Seq> {
    let at = EVENTS.iter().position(|other| other.digest() == event.digest());
    at.map(|at| Seq(at as u64 + 1))
}

/// Where a frame says that it stands, and where the event does.
fn said_place(frame: &[u8]) -> Option<(Seq, Seq)> {
    let event = SubmittedEvent::parse(frame, &Limits::FROM_RELAY).ok()?;
    let note = RelayNote::parse(event.unsigned()?)?;
    let at = EVENTS.iter().position(|other| other.digest() == event.digest())?;
    Some((note.seq, Seq(at as u64 + 1)))
}

/// How far the journal goes, and which one it is.
fn lie_in_header(mut draft: Draft, kind: usize, input: &mut Input<'_>) -> Draft {
    let header = &mut draft.header;
    match kind {
        0 => header.last = input.seq(),
        1 => header.next = Some(input.seq()),
        2 => (header.last, header.next) = (input.seq(), header.next.map(|_| input.seq())),
        3 => header.first = input.seq(),
        4 => header.journal = input.journal(),
        5 => {
            header.journal = input.journal();
            draft.events.iter_mut().for_each(|(_, note)| note.journal = header.journal);
        }
        6 => header.count = Some(input.below(9)),
        _ => header.damaged = (0..input.below(4)).map(|_| input.seq()).collect(),
    }
    draft
}

/// Which events there are, and how they stand.
fn lie_in_order(mut draft: Draft, kind: usize, input: &mut Input<'_>) -> Draft {
    let events = &mut draft.events;
    let at = input.below(events.len().max(1));
    match kind {
        8 => events.reverse(),
        9 => {
            let by = at.min(events.len());
            events.rotate_left(by);
        }
        10 => events.extend(events.get(at).cloned()),
        11 => drop((at < events.len()).then(|| events.remove(at))),
        12 => events.clear(),
        13 => events.truncate(at),
        14 => *events = (0..300).filter_map(|_| events.get(at).cloned()).collect(),
        _ => {
            events.clear();
            draft.header.next = draft.header.next.map(|_| draft.header.last);
        }
    }
    draft
}

/// What the notes say.
fn lie_in_notes(mut draft: Draft, kind: usize, input: &mut Input<'_>) -> Draft {
    let at = input.below(draft.events.len().max(1));
    let Some((_, note)) = draft.events.get_mut(at) else { return draft };
    match kind {
        16 => note.seq = input.seq(),
        17 => note.journal = Uuid::from_u128(2),
        18 => note.prev.values_mut().for_each(|prev| *prev = input.seq()),
        _ => note.received = String::from_utf8_lossy(input.take(8)).into_owned(),
    }
    draft
}

/// The journal goes further than it does, and an event stands at its end.
fn lie_of_an_end(mut draft: Draft, request: &Request, input: &mut Input<'_>) -> Draft {
    let end = input.seq();
    draft.header.last = end;
    if let Request::Read(_) = request {
        let event = EVENTS[input.below(EVENTS.len())].clone();
        let prev = draft.events.last().map_or(Seq::START, |(_, note)| note.seq);
        let note = note(event.id(), draft.header.journal, end, prev);
        draft.events.push((event, note));
        draft.header.next = Some(end);
    }
    draft
}
