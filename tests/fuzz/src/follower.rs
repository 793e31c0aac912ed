//! A subscription between a relay, a link and whoever writes to it.
//!
//! Bytes are a script: what comes when. In `follower` everything may be a lie; in
//! `follower_link` the relay is honest, the link loses, repeats and delays what it likes, and live
//! events may claim places that the journal never reaches.

use laniakea_event::{RelayNote, Seq};
use laniakea_wire::{
    replay::{Answer, Header, Request},
    subscription::{OtherJournal, Position, Start},
};

use crate::{
    honest::Relay,
    input::Input,
    watched::{EVENTS, IDS, MAX_STEPS, PREFIXES, Watched},
    world::note,
};

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
                let Some(request) = watched.rules.unconfirmed() else { continue };
                let answer = answer(&mut input);
                watched.confirm(&request, answer);
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
    Answer { header: Header { next, ..Header::new(journal, first, last) }, events }
}

/// The relay is honest, even when its journal is built anew, and the link is not to be relied on:
/// in the end every event that is meant was delivered, once.
pub fn follower_link(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let prefixes = PREFIXES[input.below(PREFIXES.len())];
    let mut relay = Relay::new(1);
    let mut watched = Watched::new(prefixes, Start::After(Seq::START), None, OtherJournal::ReadOn);
    let mut under_way: Option<(Request, Answer)> = None;
    let mut old = Relay::new(0);
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
                let from = if input.byte() < 0xf0 { &relay } else { &old };
                let at = input.below(from.taken().len().max(1));
                if let Some((id, frame)) = from.publication(at) {
                    watched.rules.on_live(id.as_bytes(), &frame);
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
                old = std::mem::replace(&mut relay, rebuilt);
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
    for event in EVENTS[..taken].iter().filter(|event| watched.means(event.id())) {
        assert!(watched.delivered.contains(&event.digest()), "never delivered: {event:?}");
    }
}

fn swap<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}

/// Answers until nothing more is wanted.
pub(crate) fn settle(watched: &mut Watched, relay: &Relay) {
    for _ in 0..100 {
        let Some(request) = watched.rules.wanted() else { return };
        watched.answer(&request, relay.answer(&request));
        watched.look();
    }
    panic!("asks for ever: {:?}", watched.rules.wanted());
}
