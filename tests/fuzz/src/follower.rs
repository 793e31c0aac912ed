//! A subscription between a relay, a link and whoever writes to it.
//!
//! Bytes are a script: what comes when. In `follower` everything may be a lie; in
//! `follower_link` the relay is honest, the link loses, repeats and delays what it likes, and live
//! events may claim places that the journal never reaches.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex},
};

use laniakea_event::{Digest, EventId, Prefix, RelayNote, Seq, VerifiedEvent};
use laniakea_wire::{
    replay::{Answer, From, Header, Read, Request},
    subscription::{
        Believe, CursorError, CursorStore, OtherJournal, Position, Start, SubscriptionConfig,
        Update, fuzzing::Rules,
    },
};
use uuid::Uuid;

use crate::{
    input::Input,
    world::{KEYRING, event, note},
};

const IDS: [&str; 4] = ["a.b.c", "a.b.cd", "a.x.y", "z.z.z"];
const PREFIXES: [&[&str]; 6] =
    [&[], &["a.b."], &["a.b.c"], &["a.b.", "a."], &["a.b.c", "z."], &["z.z.z"]];
/// More steps show nothing new and take long.
const MAX_STEPS: usize = 200;

/// Four of each id.
static EVENTS: LazyLock<Vec<VerifiedEvent>> =
    LazyLock::new(|| (0..16).map(|number| event(IDS[number % 4], number)).collect());

/// Remembers every position that was ever stored.
#[derive(Clone, Default)]
struct Stored(Arc<Mutex<Vec<Position>>>);

impl CursorStore for Stored {
    fn load(&self) -> Result<Option<Position>, CursorError> {
        Ok(self.0.lock().expect("nobody panicked").last().copied())
    }

    fn save(&mut self, position: Position) -> Result<(), CursorError> {
        self.0.lock().expect("nobody panicked").push(position);
        Ok(())
    }
}

/// A subscription and what is to hold of it.
struct Watched {
    rules: Rules,
    prefixes: Vec<Prefix>,
    stored: Stored,
    /// How far each journal goes, as headers said.
    confirmed: BTreeMap<Uuid, Seq>,
    delivered: BTreeSet<Digest>,
    has_ended: bool,
}

impl Watched {
    fn new(
        prefixes: &[&str],
        start: Start,
        position: Option<Position>,
        other: OtherJournal,
    ) -> Self {
        let stored = Stored::default();
        stored.0.lock().expect("nobody panicked").extend(position);
        let prefixes: Vec<Prefix> =
            prefixes.iter().map(|prefix| Prefix::parse(prefix).expect("a prefix")).collect();
        let config = SubscriptionConfig {
            prefixes: prefixes.clone(),
            start,
            believe: Believe::Keys(KEYRING.clone()),
            other_journal: other,
            cursor: Some(Box::new(stored.clone())),
            ..SubscriptionConfig::new("tcp://x:1", Some("tcp://x:2".to_owned()))
        };
        let rules = Rules::new(config).expect("the cursor can be read");
        let confirmed = position.iter().map(|position| (position.journal, position.seq)).collect();
        let delivered = BTreeSet::new();
        Self { rules, prefixes, stored, confirmed, delivered, has_ended: false }
    }

    /// A header came, believed or not.
    fn hear(&mut self, journal: Uuid, last: Seq) {
        let furthest = self.confirmed.entry(journal).or_default();
        *furthest = last.max(*furthest);
    }

    fn answer(&mut self, request: &Request, answer: Answer) {
        self.hear(answer.header.journal, answer.header.last);
        self.rules.on_answer(request, answer);
    }

    /// Takes the updates and looks whether they may be.
    fn look(&mut self) {
        let Ok(updates) = self.rules.updates() else {
            self.has_ended = true;
            return;
        };
        for update in updates {
            if let Update::Event(delivery) = update {
                assert!(delivery.signers().is_some(), "delivered unverified");
                assert!(EVENTS.iter().any(|event| event.digest() == delivery.digest()));
                let is_meant = |prefix: &Prefix| prefix.matches(delivery.id());
                assert!(self.prefixes.is_empty() || self.prefixes.iter().any(is_meant));
                assert!(self.delivered.insert(delivery.digest()), "delivered twice: {delivery:?}");
            }
        }
        for position in &*self.stored.0.lock().expect("nobody panicked") {
            let confirmed = self.confirmed.get(&position.journal);
            assert!(
                confirmed.is_some_and(|last| position.seq <= *last),
                "stored {position}, confirmed {confirmed:?}"
            );
        }
    }
}

/// Whatever comes, in whatever order: nothing is delivered twice, unasked or unverified, and no
/// position is stored beyond what a header said.
pub fn follower(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let prefixes = PREFIXES[input.below(PREFIXES.len())];
    let (start, position) = match input.below(4) {
        0 => (Start::Now, None),
        1 => (Start::After(input.seq()), None),
        2 => (Start::Since("2026-01-01T00:00:00Z".to_owned()), None),
        _ => (Start::Now, Some(Position { journal: input.journal(), seq: input.seq() })),
    };
    let other = match input.below(3) {
        0 => OtherJournal::Stop { accept: Some(input.journal()) },
        1 => OtherJournal::Stop { accept: None },
        _ => OtherJournal::ReadOn,
    };
    let mut watched = Watched::new(prefixes, start, position, other);
    for _ in 0..MAX_STEPS {
        if input.is_empty() || watched.has_ended {
            return;
        }
        match input.below(6) {
            0 | 1 => {
                let (id, frame) = frame(&mut input);
                let topic = if input.byte() == 0xff { input.counted() } else { id.as_bytes() };
                watched.rules.on_live(topic, &frame);
            }
            2 => {
                let Some(request) = watched.rules.wanted() else { continue };
                let answer = answer(&mut input);
                watched.answer(&request, answer);
            }
            3 => watched.rules.look_again(),
            4 => watched.rules.check(),
            _ => {
                let (journal, last) = (input.journal(), input.seq());
                watched.hear(journal, last);
                watched.rules.on_confirmation(journal, last);
            }
        }
        watched.look();
    }
}

/// A frame that a liar sends: a good event with any note, sometimes damaged, or just bytes.
fn frame(input: &mut Input<'_>) -> (&'static str, Vec<u8>) {
    let event = &EVENTS[input.below(EVENTS.len())];
    let id = IDS[EVENTS.iter().position(|other| other == event).unwrap_or_default() % 4];
    let mut note: RelayNote = note(event.id(), input.journal(), input.seq(), input.seq());
    let mut bytes = match input.byte() {
        0xff => return (id, input.counted().to_vec()),
        0xfe => {
            note.prev.pop_last();
            event.frame(&note)
        }
        _ => event.frame(&note),
    };
    if input.byte() == 0xff {
        let at = input.u64() % bytes.len() as u64;
        bytes[usize::try_from(at).unwrap_or_default()] ^= input.byte();
    }
    (id, bytes)
}

fn answer(input: &mut Input<'_>) -> Answer {
    let events: Vec<Vec<u8>> = (0..input.below(4)).map(|_| frame(input).1).collect();
    let next = (input.below(8) != 0).then(|| input.seq());
    let (journal, first, last) = (input.journal(), input.seq(), input.seq());
    Answer { header: header(journal, first, last, next), events }
}

fn header(journal: Uuid, first: Seq, last: Seq, next: Option<Seq>) -> Header {
    Header { next, ..Header::new(journal, first, last) }
}

/// A relay that takes each event once.
struct Relay {
    journal: Uuid,
    frames: Vec<(EventId, Vec<u8>)>,
    latest: BTreeMap<String, Seq>,
}

impl Relay {
    fn new(journal: u128) -> Self {
        let journal = Uuid::from_u128(journal);
        Self { journal, frames: Vec::new(), latest: BTreeMap::new() }
    }

    fn last(&self) -> Seq {
        Seq(self.frames.len() as u64)
    }

    fn take(&mut self, event: &VerifiedEvent) {
        let (id, seq) = (event.id(), self.last().next());
        let mut note = note(id, self.journal, seq, Seq::START);
        for (prefix, prev) in &mut note.prev {
            *prev = self.latest.insert(prefix.clone(), seq).unwrap_or_default();
        }
        self.frames.push((id.clone(), event.frame(&note)));
    }

    fn answer(&self, request: &Request) -> Answer {
        let (mut next, mut events) = (None, Vec::new());
        if let Request::Read(Read { from, prefixes, .. }) = request {
            let mut at = if let From::After(seq) = from { *seq } else { Seq::START };
            let index = usize::try_from(at.0).unwrap_or(usize::MAX);
            for (id, frame) in self.frames.iter().skip(index).take(5) {
                at = at.next();
                if prefixes.iter().any(|prefix| prefix.matches(id)) {
                    events.push(frame.clone());
                }
            }
            next = Some(at);
        }
        Answer { header: header(self.journal, Seq(1), self.last(), next), events }
    }
}

/// The relay is honest, even when its journal is built anew, and the link is not to be relied on:
/// in the end every event that is meant was delivered, once.
pub fn follower_link(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let prefixes = PREFIXES[input.below(PREFIXES.len())];
    let mut relay = Relay::new(1);
    let mut watched = Watched::new(prefixes, Start::After(Seq::START), None, OtherJournal::ReadOn);
    let mut under_way: Option<(Request, Answer)> = None;
    let mut old: Vec<(EventId, Vec<u8>)> = Vec::new();
    let mut taken = 0;
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        match input.below(8) {
            0 | 1 if taken < EVENTS.len() => {
                relay.take(&EVENTS[taken]);
                taken += 1;
            }
            3 if input.byte() >= 0xf0 && taken < EVENTS.len() => {
                // An event that the relay does not have yet, or never gets.
                let event = &EVENTS[EVENTS.len() - 1 - input.below(EVENTS.len() - taken)];
                let place = Seq(u64::MAX - u64::from(input.byte()));
                let prev = Seq(input.below(EVENTS.len()) as u64);
                let note = note(event.id(), relay.journal, place, prev);
                watched.rules.on_live(event.id().as_str().as_bytes(), &event.frame(&note));
            }
            2 | 3 => {
                let frames = if input.byte() < 0xf0 { &relay.frames } else { &old };
                if let Some((id, frame)) = frames.get(input.below(frames.len().max(1))) {
                    watched.rules.on_live(id.as_str().as_bytes(), frame);
                }
            }
            4 if under_way.is_none() => {
                let request = watched.rules.wanted();
                under_way = request.map(|request| (relay.answer(&request), request)).map(swap);
            }
            5 => {
                if let Some((request, answer)) = under_way.take() {
                    watched.answer(&request, answer);
                }
            }
            6 => watched.rules.check(),
            7 if input.byte() == 0xff => {
                // Rebuilt from what the sources still have: everything, in another order.
                let rebuilt = Relay::new(relay.journal.as_u128() + 1);
                old = std::mem::replace(&mut relay, rebuilt).frames;
                EVENTS[..taken].iter().rev().for_each(|event| relay.take(event));
            }
            _ => watched.rules.look_again(),
        }
        watched.look();
    }
    if let Some((request, answer)) = under_way {
        watched.answer(&request, answer);
        watched.look();
    }
    for _ in 0..3 {
        watched.rules.look_again();
        settle(&mut watched, &relay);
    }
    assert!(!watched.has_ended, "a subscription ended for no reason");
    let is_meant = |id: &EventId| {
        watched.prefixes.is_empty() || watched.prefixes.iter().any(|prefix| prefix.matches(id))
    };
    for event in EVENTS[..taken].iter().filter(|event| is_meant(event.id())) {
        assert!(watched.delivered.contains(&event.digest()), "never delivered: {event:?}");
    }
}

fn swap<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}

fn settle(watched: &mut Watched, relay: &Relay) {
    for _ in 0..100 {
        let Some(request) = watched.rules.wanted() else { return };
        watched.answer(&request, relay.answer(&request));
        watched.look();
    }
    panic!("asks for ever: {:?}", watched.rules.wanted());
}
