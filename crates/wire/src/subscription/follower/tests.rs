//! A relay in memory, a link that drops what it likes, and the follower between.

use std::collections::BTreeMap;

use laniakea_event::{
    Draft, KeyId, Keyring, Limits, Object, RelayNote, SignerId, SigningKey, SubmittedEvent,
};
use proptest::prelude::*;

mod lies;

use super::*;
use crate::replay::Header;

const IDS: [&str; 4] = ["a.b.c", "a.b.cd", "a.x.y", "z.z.z"];

/// What a relay would publish and replay.
struct Relay {
    journal: Uuid,
    frames: Vec<(EventId, Vec<u8>)>,
    latest: BTreeMap<String, Seq>,
    key: SigningKey,
    first: Seq,
    /// Passed over by replay, and told.
    damaged: Vec<Seq>,
}

impl Relay {
    fn new(journal: u128) -> Self {
        let name = |text| SignerId::parse(text).unwrap();
        let key = SigningKey::from_seed(name("source"), KeyId::parse("0").unwrap(), &[7; 32]);
        Self {
            journal: Uuid::from_u128(journal),
            frames: Vec::new(),
            latest: BTreeMap::new(),
            key,
            first: Seq(1),
            damaged: Vec::new(),
        }
    }

    fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        let key_id = self.key.key_id().clone();
        keyring.insert(self.key.signer().clone(), key_id, self.key.verifying_key()).unwrap();
        keyring
    }

    /// Takes the event number `number`; the same number gives the same event in every journal.
    fn take(&mut self, id: &str, number: usize) {
        let id = EventId::parse(id).unwrap();
        let seq = self.last().next();
        let frame = self.frame(&id, number, seq);
        self.latest.extend(id.prefixes().map(|prefix| (prefix.to_owned(), seq)));
        self.frames.push((id, frame));
    }

    /// The event number `number` as it is published, if it stands at `seq`.
    fn frame(&self, id: &EventId, number: usize, seq: Seq) -> Vec<u8> {
        let data = Object::from([("number".to_owned(), number.into())]);
        let time = jiff::Timestamp::from_second(1_700_000_000).unwrap();
        let signed = Draft::new(id.clone(), time, data).sign(&self.key).unwrap();
        let event = SubmittedEvent::parse(signed.bytes(), &Limits::SUBMISSION).unwrap();
        let latest = |prefix| self.latest.get(prefix).copied().unwrap_or_default();
        let note = RelayNote {
            relay: SignerId::parse("relay").unwrap(),
            journal: self.journal,
            seq,
            received: format!("2026-01-01T00:00:00.{:06}Z", seq.0 % 1_000_000),
            prev: id.prefixes().map(|prefix| (prefix.to_owned(), latest(prefix))).collect(),
        };
        event.verify(&self.keyring(), time).unwrap().frame(&note)
    }

    fn last(&self) -> Seq {
        Seq(self.frames.len() as u64)
    }

    fn answer(&self, request: &Request, limit: usize) -> Answer {
        let mut header = Header::new(self.journal, self.first, self.last());
        let Request::Read(Read { from, prefixes, limit: most }) = request else {
            return Answer { header, events: Vec::new() };
        };
        let limit = limit.min(*most);
        let after = match from {
            From::After(seq) => *seq,
            // The tests' clocks begin with their journals.
            From::Since(_) => Seq::START,
        };
        let mut next = after;
        let mut events = Vec::new();
        let from = usize::try_from(after.0.max(self.first.0 - 1)).unwrap();
        for (index, (id, frame)) in self.frames.iter().enumerate().skip(from) {
            if events.len() == limit {
                break;
            }
            next = Seq(index as u64 + 1);
            if self.damaged.contains(&next) {
                header.damaged.push(next);
            } else if prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.matches(id)) {
                events.push(frame.clone());
            }
        }
        header.next = Some(next);
        header.count = Some(events.len());
        Answer { header, events }
    }
}

fn config(prefixes: &[&str], start: Start) -> SubscriptionConfig {
    SubscriptionConfig {
        prefixes: prefixes.iter().map(|prefix| Prefix::parse(prefix).unwrap()).collect(),
        start,
        ..SubscriptionConfig::new("tcp://x:1", Some("tcp://x:2".to_owned()))
    }
}

fn number_of(delivery: &Delivery) -> u64 {
    delivery.data().get("number").unwrap().as_u64().unwrap()
}

/// The numbers of the events among `steps`, and the names of other updates.
fn told(steps: Vec<Step>) -> (Vec<u64>, Vec<String>) {
    let (mut numbers, mut others) = (Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Tell(Update::Event(delivery)) => {
                numbers.push(number_of(&delivery));
            }
            Step::Tell(Update::Progress { .. })
            | Step::Confirm(..)
            | Step::Hear(..)
            | Step::Unheard => {}
            Step::Tell(other) => others.push(format!("{other:?}")),
            Step::Contradict(said) => others.push(said.to_string()),
            Step::Fail(error) => others.push(format!("failed: {error}")),
        }
    }
    (numbers, others)
}

/// Answers until the follower wants nothing more.
fn settle(follower: &mut Follower, relay: &Relay) -> (Vec<u64>, Vec<String>) {
    let mut steps = Vec::new();
    for _ in 0..1_000 {
        let Some(request) = follower.wanted() else { break };
        follower.on_answer(&request, relay.answer(&request, 3));
        steps.extend(follower.take_steps());
        if steps.iter().any(|step| matches!(step, Step::Fail(_))) {
            break;
        }
    }
    told(steps)
}

fn live(follower: &mut Follower, relay: &Relay, seq: usize) -> (Vec<u64>, Vec<String>) {
    let (id, frame) = &relay.frames[seq - 1];
    follower.on_live(id.as_str().as_bytes(), frame);
    told(follower.take_steps())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the link drops, and whenever answers come, every matching event is delivered
    /// once and in order (in order under each prefix, where there are several).
    #[test]
    fn nothing_is_missed_and_nothing_comes_twice(
        script in prop::collection::vec((0..4_usize, any::<bool>(), any::<bool>(), any::<bool>()), 1..60),
        prefixes in prop::sample::select(vec![
            vec![], vec!["a.b."], vec!["a.b.c"], vec!["a.b.", "a."], vec!["a.b.c", "z."], vec!["a.x.y", "a.b."],
        ]),
        start in 0..10_u64,
    ) {
        let mut relay = Relay::new(1);
        let mut follower = Follower::new(&config(&prefixes, Start::After(Seq(start))), None);
        let mut delivered = Vec::new();
        let mut unanswered: Option<(Request, Answer)> = None;
        for (number, (id, arrives, answers, ticks)) in script.iter().enumerate() {
            relay.take(IDS[*id], number);
            let (id, frame) = &relay.frames[number];
            // ZeroMQ matches bytes: a whole id lets longer ids in.
            let is_subscribed = prefixes.is_empty()
                || prefixes.iter().any(|prefix| id.as_str().starts_with(prefix));
            if *arrives && is_subscribed {
                follower.on_live(id.as_str().as_bytes(), frame);
            }
            if *ticks {
                follower.check();
            }
            if unanswered.is_none() {
                unanswered = follower.wanted().map(|request| {
                    let answer = relay.answer(&request, 3);
                    (request, answer)
                });
            }
            // The answer was made when it was asked for and may come any time later.
            if *answers && let Some((request, answer)) = unanswered.take() {
                follower.on_answer(&request, answer);
            }
            delivered.extend(told(follower.take_steps()).0);
        }
        if let Some((request, answer)) = unanswered.take() {
            follower.on_answer(&request, answer);
        }
        delivered.extend(told(follower.take_steps()).0);
        delivered.extend(settle(&mut follower, &relay).0);
        follower.check();
        delivered.extend(settle(&mut follower, &relay).0);

        let parsed: Vec<Prefix> = prefixes.iter().map(|prefix| Prefix::parse(prefix).unwrap()).collect();
        let matches = |id: &EventId| parsed.is_empty() || parsed.iter().any(|prefix| prefix.matches(id));
        let expected: Vec<u64> = (0_u64..)
            .zip(&relay.frames)
            .filter(|(number, (id, _))| *number >= start && matches(id))
            .map(|(number, _)| number)
            .collect();
        if prefixes.len() < 2 {
            prop_assert_eq!(&delivered, &expected);
        } else {
            delivered.sort_unstable();
            prop_assert_eq!(&delivered, &expected);
        }
        prop_assert!(follower.reach.complete() >= relay.last() || start > relay.last().0);
    }
}

#[test]
fn a_dropped_live_event_is_read_from_the_journal() {
    let mut relay = Relay::new(1);
    let mut follower = Follower::new(&config(&[], Start::Now), None);
    settle(&mut follower, &relay);
    (0..3).for_each(|number| relay.take("a.b.c", number));
    assert_eq!(live(&mut follower, &relay, 1).0, [0]);
    assert!(live(&mut follower, &relay, 3).0.is_empty());
    assert_eq!(settle(&mut follower, &relay).0, [1, 2]);
}

#[test]
fn an_event_is_checked_against_the_id_that_it_was_published_under() {
    let mut relay = Relay::new(1);
    let mut follower = Follower::new(&config(&[], Start::Now), None);
    settle(&mut follower, &relay);
    relay.take("a.b.c", 0);
    follower.on_live(b"a.b.d", &relay.frames[0].1);
    let (numbers, others) = told(follower.take_steps());
    assert!(numbers.is_empty());
    assert!(others[0].contains("published under another id"), "{others:?}");
}

#[test]
fn events_that_retention_removed_are_reported_as_lost() {
    let mut relay = Relay::new(1);
    (0..6).for_each(|number| relay.take("a.b.c", number));
    relay.first = Seq(5);
    let position = Position { journal: relay.journal, seq: Seq(2) };
    let mut follower = Follower::new(&config(&[], Start::Now), Some(position));
    let (numbers, others) = settle(&mut follower, &relay);
    assert_eq!(numbers, [4, 5]);
    assert!(others[0].starts_with("Lost { after: Seq(2), before: Seq(5) }"), "{others:?}");
}

#[test]
fn damaged_events_are_told_once_in_their_place_and_the_others_delivered() {
    let mut relay = Relay::new(1);
    (0..10).for_each(|number| relay.take("a.b.c", number));
    relay.damaged = [2, 5, 6, 10].map(Seq).to_vec();
    let mut follower = Follower::new(&config(&[], Start::After(Seq(0))), None);
    let mut lost = Vec::new();
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let Some(request) = follower.wanted() else { break };
        follower.on_answer(&request, relay.answer(&request, 5));
        for step in follower.take_steps() {
            match step {
                Step::Tell(Update::Lost { after, before }) => {
                    assert_eq!(numbers.last().map(|number| number + 1), Some(after.0));
                    lost.push((after.0, before.0));
                }
                Step::Tell(Update::Event(delivery)) => numbers.push(number_of(&delivery)),
                _ => {}
            }
        }
    }
    assert_eq!(numbers, [0, 2, 3, 6, 7, 8]);
    assert_eq!(lost, [(1, 3), (4, 7), (9, 11)]);
    relay.take("a.b.c", 10);
    assert_eq!(live(&mut follower, &relay, 11), (vec![10], vec![]));
}

#[test]
fn a_position_just_before_the_first_event_is_no_loss() {
    let mut relay = Relay::new(1);
    (0..3).for_each(|number| relay.take("a.b.c", number));
    relay.first = Seq(2);
    let position = Position { journal: relay.journal, seq: Seq(1) };
    let mut follower = Follower::new(&config(&[], Start::Now), Some(position));
    let (numbers, others) = settle(&mut follower, &relay);
    assert_eq!(numbers, [1, 2]);
    assert!(others.iter().all(|other| other.starts_with("CaughtUp")), "{others:?}");
}

#[test]
fn another_journal_is_announced_and_handled_events_do_not_come_again() {
    let mut old = Relay::new(1);
    (0..3).for_each(|number| old.take("a.b.c", number));
    let mut follower = Follower::new(&config(&[], Start::After(Seq(0))), None);
    assert_eq!(settle(&mut follower, &old).0, [0, 1, 2]);
    let mut rebuilt = Relay::new(2);
    (1..5).for_each(|number| rebuilt.take("a.b.c", number));
    follower.look_again();
    let (numbers, others) = settle(&mut follower, &rebuilt);
    assert_eq!(numbers, [3, 4]);
    assert!(others[0].starts_with("JournalChanged"), "{others:?}");
    // A source that sends again what it once sent makes a live event of it.
    rebuilt.take("a.b.c", 0);
    rebuilt.take("a.b.c", 5);
    assert!(live(&mut follower, &rebuilt, 5).0.is_empty());
    assert_eq!(live(&mut follower, &rebuilt, 6).0, [5]);
}

#[test]
fn a_forged_live_event_of_another_journal_changes_nothing() {
    let mut relay = Relay::new(1);
    let mut follower = Follower::new(&config(&[], Start::After(Seq(0))), None);
    relay.take("a.b.c", 0);
    settle(&mut follower, &relay);
    let mut forged = Relay::new(2);
    (0..9).for_each(|number| forged.take("a.b.c", number + 100));
    assert_eq!(live(&mut follower, &forged, 9), (vec![], vec![]));
    let (numbers, others) = settle(&mut follower, &relay);
    assert!(numbers.is_empty());
    assert!(others[0].contains("a live event stands at 00000000-0000-0000-0000-000000000002:9"));
    assert!(others[1..].iter().all(|other| other.starts_with("CaughtUp")), "{others:?}");
}

#[test]
fn a_live_event_that_lies_about_its_place_hides_no_other() {
    let mut relay = Relay::new(1);
    let mut follower = Follower::new(&config(&["a.b.c"], Start::Now), None);
    settle(&mut follower, &relay);
    relay.take("a.b.c", 0);
    assert_eq!(live(&mut follower, &relay, 1).0, [0]);
    let id = EventId::parse("a.b.c").unwrap();
    follower.on_live(b"a.b.c", &relay.frame(&id, 1, Seq(1_000_000)));
    assert_eq!(told(follower.take_steps()).0, [1]);
    // These look as if they had been delivered long ago.
    (2..4).for_each(|number| relay.take("a.b.c", number));
    assert!(live(&mut follower, &relay, 2).0.is_empty());
    follower.check();
    let (numbers, others) = settle(&mut follower, &relay);
    assert_eq!(numbers, [2, 3]);
    assert!(others[0].contains("does not go as far"), "{others:?}");
    relay.take("a.b.c", 4);
    assert_eq!(live(&mut follower, &relay, 4).0, [4]);
}

#[test]
fn an_event_that_comes_again_at_another_place_is_delivered_once() {
    let mut relay = Relay::new(1);
    let mut follower = Follower::new(&config(&[], Start::Now), None);
    settle(&mut follower, &relay);
    relay.take("a.b.c", 0);
    assert_eq!(live(&mut follower, &relay, 1).0, [0]);
    // Nobody signed where it stands: a note with another place fits to the same event.
    relay.take("a.b.c", 0);
    let (numbers, others) = live(&mut follower, &relay, 2);
    assert!(numbers.is_empty() && others[0].contains("event 2 was event 1"), "{others:?}");
    // What stands there is perhaps another one: it is read once more, and no third time.
    let (numbers, others) = settle(&mut follower, &relay);
    assert!(numbers.is_empty() && others[0].contains("delivered before"), "{others:?}");
    relay.take("a.b.c", 1);
    assert_eq!(live(&mut follower, &relay, 3).0, [1]);
}

#[test]
fn a_lie_about_a_place_hides_nothing_when_the_connection_comes_back_after_it() {
    for lie in [1_000_000, u64::MAX] {
        let mut relay = Relay::new(1);
        let mut follower = Follower::new(&config(&["a.b.c"], Start::Now), None);
        settle(&mut follower, &relay);
        let id = EventId::parse("a.b.c").unwrap();
        follower.on_live(b"a.b.c", &relay.frame(&id, 0, Seq(lie)));
        assert_eq!(told(follower.take_steps()).0, [0]);
        follower.look_again();
        let (numbers, others) = settle(&mut follower, &relay);
        assert!(numbers.is_empty());
        assert!(others[0].contains("does not go as far"), "{others:?}");
        (1..3).for_each(|number| relay.take("a.b.c", number));
        assert_eq!(live(&mut follower, &relay, 1).0, [1]);
        assert_eq!(live(&mut follower, &relay, 2).0, [2]);
    }
}

#[test]
fn a_consumer_that_must_not_read_on_stops_unless_the_journal_was_accepted() {
    let mut relay = Relay::new(2);
    relay.take("a.b.c", 0);
    let position = Position { journal: Uuid::from_u128(1), seq: Seq(7) };
    for (accept, numbers, outcome) in [
        (None, vec![], "failed: the relay has another journal"),
        (Some(Uuid::from_u128(3)), vec![], "failed: the relay has another journal"),
        (Some(Uuid::from_u128(2)), vec![0], "JournalChanged"),
    ] {
        let other_journal = OtherJournal::Stop { accept };
        let config = SubscriptionConfig { other_journal, ..config(&[], Start::Now) };
        let mut follower = Follower::new(&config, Some(position));
        let (delivered, others) = settle(&mut follower, &relay);
        assert_eq!(delivered, numbers);
        assert!(others[0].starts_with(outcome), "{others:?}");
    }
}

#[test]
fn events_of_strangers_are_refused_and_do_not_stop_the_stream() {
    let mut relay = Relay::new(1);
    relay.take("a.b.c", 0);
    relay.key = SigningKey::from_seed(
        SignerId::parse("stranger").unwrap(),
        KeyId::parse("0").unwrap(),
        &[9; 32],
    );
    relay.take("a.b.c", 1);
    let source = Relay::new(1);
    relay.key = source.key.clone();
    relay.take("a.b.c", 2);
    let believe = Believe::Keys(source.keyring());
    let config = SubscriptionConfig { believe, ..config(&[], Start::After(Seq(0))) };
    let mut follower = Follower::new(&config, None);
    let (numbers, others) = settle(&mut follower, &relay);
    assert_eq!(numbers, [0, 2]);
    assert!(others[0].contains("unknown_signer"), "{others:?}");
}

#[test]
fn a_relay_that_never_gets_further_is_asked_again() {
    let mut follower = Follower::new(&config(&[], Start::After(Seq(0))), None);
    let mut relay = Relay::new(1);
    relay.take("a.b.c", 0);
    let request = follower.wanted().unwrap();
    let mut answer = relay.answer(&request, 1);
    answer.header.next = Some(Seq(0));
    answer.header.count = Some(0);
    answer.events.clear();
    follower.on_answer(&request, answer);
    let (numbers, others) = told(follower.take_steps());
    assert!(numbers.is_empty() && others[0].contains("gets no further"), "{others:?}");
    assert_eq!(settle(&mut follower, &relay).0, [0]);
}

/// Whether following `relay` shows that nothing is published to the follower.
fn is_unheard(follower: &mut Follower, relay: &Relay) -> bool {
    let mut is_unheard = false;
    while let Some(request) = follower.wanted() {
        follower.on_answer(&request, relay.answer(&request, 3));
        let steps = follower.take_steps();
        is_unheard |= steps.iter().any(|step| matches!(step, Step::Unheard));
    }
    is_unheard
}

#[test]
fn an_event_that_the_timer_finds_in_the_journal_should_have_been_published() {
    let mut relay = Relay::new(1);
    relay.take("a.b.c", 1);
    let mut follower = Follower::new(&config(&["a."], Start::After(Seq::START)), None);
    // What was there before, or came before the connection, was published to others.
    assert!(!is_unheard(&mut follower, &relay));
    relay.take("a.b.c", 2);
    follower.look_again();
    assert!(!is_unheard(&mut follower, &relay));
    // Nothing that concerns it.
    relay.take("z.z.z", 3);
    follower.check();
    assert!(!is_unheard(&mut follower, &relay));
    relay.take("a.b.c", 4);
    follower.check();
    assert!(is_unheard(&mut follower, &relay));
    // The event comes while the journal is read.
    relay.take("a.b.c", 5);
    follower.check();
    let request = follower.wanted().unwrap();
    follower.on_answer(&request, relay.answer(&request, 3));
    follower.on_live(b"a.b.c", &relay.frames[4].1);
    assert!(!is_unheard(&mut follower, &relay));
}
