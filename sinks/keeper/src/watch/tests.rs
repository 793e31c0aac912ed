use proptest::prelude::*;

use super::*;

const RULE: &str = "r";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn watch(shape: Shape, seconds: u64) -> Watch {
    let pattern = Pattern { shape, within: Duration::from_secs(seconds) };
    Watch::new([(RULE.to_owned(), pattern)], [])
}

fn see(watch: &mut Watch, key: &str, role: Role, seconds: i64) -> Vec<Change> {
    watch.see(RULE, key, &[role], at(seconds)).into_iter().map(|step| step.change).collect()
}

fn overdue(watch: &mut Watch, seconds: i64) -> Vec<(String, Change)> {
    watch.overdue(at(seconds)).into_iter().map(|step| (step.key, step.change)).collect()
}

fn missed(key: &str, since: i64, events: usize) -> (String, Change) {
    (key.to_owned(), Change::Fire { chain: 1, events, missed: Some(at(since)) })
}

const ASKED: Role = Role::Part(0);

#[test]
fn what_is_not_answered_in_time_is_missed_once() {
    let mut watch = watch(Shape::Unanswered, 100);
    assert_eq!(see(&mut watch, "a", ASKED, 0), [Change::Begin { chain: 1, since: at(0) }]);
    assert_eq!(see(&mut watch, "a", ASKED, 50), [Change::Append { chain: 1 }]);
    see(&mut watch, "b", ASKED, 10);
    see(&mut watch, "c", ASKED, 20);
    assert_eq!(see(&mut watch, "b", Role::Answer, 99), [Change::Forget]);
    assert_eq!(see(&mut watch, "x", Role::Answer, 99), []);
    assert_eq!(watch.next_end(), Some(at(100)));
    assert_eq!(overdue(&mut watch, 99), []);
    // The oldest of a key counts, and the longest overdue comes first.
    assert_eq!(overdue(&mut watch, 500), [missed("a", 0, 2), missed("c", 20, 1)]);
    assert_eq!(overdue(&mut watch, 9_999), []);
    // What is asked again is missed again.
    see(&mut watch, "a", ASKED, 1_000);
    assert_eq!(overdue(&mut watch, 1_100), [missed("a", 1_000, 1)]);
}

#[test]
fn an_answer_that_is_read_before_anybody_judges_is_in_time() {
    // Keeper was down while it became overdue, and reads both before it judges.
    let mut watch = watch(Shape::Unanswered, 100);
    see(&mut watch, "a", ASKED, 0);
    see(&mut watch, "a", Role::Answer, 300);
    assert_eq!(overdue(&mut watch, 500), []);
    // What asks and answers at once only answers.
    watch.see(RULE, "a", &[ASKED, Role::Answer], at(600));
    assert_eq!(overdue(&mut watch, 9_999), []);
}

#[test]
fn silence_is_counted_from_the_last_event_and_told_once() {
    let mut watch = watch(Shape::Silence { is_keyed: false }, 100);
    see(&mut watch, "", ASKED, 0);
    see(&mut watch, "", ASKED, 80);
    // The relay's clock was set back.
    see(&mut watch, "", ASKED, 40);
    assert_eq!(overdue(&mut watch, 179), []);
    assert_eq!(overdue(&mut watch, 180), [missed("", 80, 1)]);
    assert_eq!(overdue(&mut watch, 9_999), []);
    see(&mut watch, "", ASKED, 10_000);
    assert_eq!(overdue(&mut watch, 10_100), [missed("", 10_000, 1)]);
}

#[test]
fn a_watch_goes_on_where_the_ledger_says() {
    let pattern = Pattern { shape: Shape::Unanswered, within: Duration::from_secs(100) };
    let kept = |rule: &str| Kept {
        rule: rule.to_owned(),
        key: "a".to_owned(),
        chain: 1,
        since: at(5),
        events: 3,
    };
    let mut watch = Watch::new([(RULE.to_owned(), pattern)], [kept(RULE), kept("gone")]);
    assert_eq!(overdue(&mut watch, 104), []);
    assert_eq!(overdue(&mut watch, 105), [missed("a", 5, 3)]);
}

#[test]
fn a_sequence_fires_in_its_order_and_in_time_only() {
    let fire = Change::Fire { chain: 2, events: 2, missed: None };
    let mut watch = watch(Shape::Sequence(2), 100);
    assert_eq!(see(&mut watch, "a", Role::Part(1), 0), []);
    see(&mut watch, "a", Role::Part(0), 10);
    assert_eq!(see(&mut watch, "b", Role::Part(1), 20), []);
    assert_eq!(see(&mut watch, "a", Role::Part(1), 110).last(), Some(&fire));
    // Both are used up.
    assert_eq!(see(&mut watch, "a", Role::Part(1), 110), []);
    see(&mut watch, "a", Role::Part(0), 200);
    assert_eq!(see(&mut watch, "a", Role::Part(1), 301), []);
    assert_eq!(overdue(&mut watch, 300), []);
    assert_eq!(overdue(&mut watch, 301), [("a".to_owned(), Change::Drop { chain: 1 })]);
    // The second beginning is in time although the first was not.
    see(&mut watch, "a", Role::Part(0), 400);
    see(&mut watch, "a", Role::Part(0), 450);
    assert_eq!(see(&mut watch, "a", Role::Part(1), 540).last(), Some(&fire));
    assert_eq!(watch.next_end(), None);
}

#[test]
fn keys_and_events_have_a_limit() {
    let mut watch = watch(Shape::Unanswered, 100);
    for key in 0..MAX_KEYS {
        assert_eq!(see(&mut watch, &key.to_string(), ASKED, 0).len(), 1);
    }
    assert_eq!(see(&mut watch, "one more", ASKED, 0), []);
    for _ in 1..MAX_EVENTS {
        assert_eq!(see(&mut watch, "7", ASKED, 1), [Change::Append { chain: 1 }]);
    }
    assert_eq!(see(&mut watch, "7", ASKED, 1), []);
    assert_eq!(overdue(&mut watch, 100).len(), MAX_KEYS);
    assert_eq!(see(&mut watch, "one more", ASKED, 0).len(), 1);
}

/// Carries steps out as the ledger does, with numbers for events.
#[derive(Debug, Default)]
struct Shelf {
    chains: BTreeMap<(String, u32), Vec<usize>>,
    fired: Vec<Vec<usize>>,
}

impl Shelf {
    fn carry_out(&mut self, steps: Vec<Step>, event: usize) {
        for Step { key, change, .. } in steps {
            let place = |chain: u32| (key.clone(), chain);
            match change {
                Change::Begin { chain, .. } => drop(self.chains.insert(place(chain), vec![event])),
                Change::Append { chain } => {
                    self.chains.entry(place(chain)).or_default().push(event);
                }
                Change::Advance { chain, .. } => {
                    let mut events = self.chains[&place(chain - 1)].clone();
                    events.push(event);
                    self.chains.insert(place(chain), events);
                }
                Change::Drop { chain } => drop(self.chains.remove(&place(chain))),
                Change::Forget => self.chains.retain(|(of, _), _| *of != key),
                Change::Fire { chain, .. } => {
                    self.fired.push(self.chains.remove(&place(chain)).unwrap_or_default());
                    self.chains.retain(|(of, _), _| *of != key);
                }
            }
        }
    }
}

/// An event, as parts of a sequence that it may be, some seconds after the one before.
type Event = (Vec<u32>, i64);

fn events(length: u32) -> impl Strategy<Value = Vec<Event>> {
    let roles = proptest::sample::subsequence((0..length).collect::<Vec<_>>(), 1..=2);
    proptest::collection::vec((roles, 0..40_i64), 0..40)
}

/// Whether the events from `first` on have the rest of a sequence up to the last one, in time.
fn ends_here(events: &[(Vec<u32>, i64)], first: usize, length: u32, within: i64) -> bool {
    let (Some((_, last)), true) = (events.last(), events[first].0.contains(&0)) else {
        return false;
    };
    if last - events[first].1 > within || first + 1 >= events.len() {
        return false;
    }
    // The earliest choice of each part in the middle is the best one.
    let mut part = 1;
    for (roles, _) in &events[first + 1..events.len() - 1] {
        if part < length - 1 && roles.contains(&part) {
            part += 1;
        }
    }
    part == length - 1 && events[events.len() - 1].0.contains(&part)
}

proptest! {
    /// It fires exactly when some choice of events since the last time is the sequence, in time; with
    /// events that are that; and judging in between changes nothing.
    #[test]
    fn a_sequence_is_found_whenever_there_is_one(events in events(3), judge in any::<bool>()) {
        let (length, within) = (3, 60);
        let mut watch = watch(Shape::Sequence(length), 60);
        let mut shelf = Shelf::default();
        let (mut now, mut seen) = (0, Vec::new());
        let mut all = Vec::new();
        for (number, (roles, pause)) in events.into_iter().enumerate() {
            now += pause;
            if judge {
                shelf.carry_out(watch.overdue(at(now)), usize::MAX);
            }
            seen.push((roles.clone(), now));
            all.push((roles.clone(), now));
            let parts: Vec<Role> = roles.iter().map(|part| Role::Part(*part)).collect();
            let before = shelf.fired.len();
            shelf.carry_out(watch.see(RULE, "k", &parts, at(now)), number);
            let expected = (0..seen.len()).any(|first| ends_here(&seen, first, length, within));
            prop_assert_eq!(shelf.fired.len() > before, expected);
            if expected {
                seen.clear();
                let batch = shelf.fired.last().unwrap();
                prop_assert_eq!(batch.len(), 3);
                prop_assert!(batch.is_sorted_by(|a, b| a < b));
                for (part, event) in (0..).zip(batch) {
                    prop_assert!(all[*event].0.contains(&part));
                }
                prop_assert!(all[batch[2]].1 - all[batch[0]].1 <= within);
            }
        }
        let mut used: Vec<usize> = shelf.fired.concat();
        let count = used.len();
        used.sort_unstable();
        used.dedup();
        prop_assert_eq!(used.len(), count, "an event is in two batches");
    }

    /// Whether keeper was there all the time or reads everything later and only then judges: what is
    /// still missing at the end is missed exactly once, and a restart in between changes nothing.
    #[test]
    fn absences_do_not_depend_on_when_keeper_reads(
        events in proptest::collection::vec((0..3_u8, any::<bool>(), 0..50_i64), 0..60),
        restart in 0..60_usize,
    ) {
        let within = 100;
        let mut watch = watch(Shape::Unanswered, 100);
        let (mut now, mut open) = (0, BTreeMap::new());
        let mut shelf = Shelf::default();
        for (number, (key, answers, pause)) in events.into_iter().enumerate() {
            now += pause;
            let key = key.to_string();
            if answers {
                open.remove(&key);
            } else {
                open.entry(key.clone()).or_insert((now, Vec::new())).1.push(number);
            }
            let role = if answers { Role::Answer } else { ASKED };
            shelf.carry_out(watch.see(RULE, &key, &[role], at(now)), number);
            if number == restart {
                let kept: Vec<Kept> = shelf.chains.iter().map(|((key, chain), events)| Kept {
                    rule: RULE.to_owned(),
                    key: key.clone(),
                    chain: *chain,
                    since: at(open[key].0),
                    events: events.len(),
                }).collect();
                let pattern = watch.rules[RULE].pattern;
                watch = Watch::new([(RULE.to_owned(), pattern)], kept);
            }
        }
        let end = now + 30;
        shelf.carry_out(watch.overdue(at(end)), usize::MAX);
        let mut expected: Vec<(i64, Vec<usize>)> =
            open.into_values().filter(|(since, _)| since + within <= end).collect();
        expected.sort();
        let mut fired = shelf.fired.clone();
        fired.sort();
        let mut events: Vec<Vec<usize>> = expected.into_iter().map(|(_, events)| events).collect();
        events.sort();
        prop_assert_eq!(fired, events);
        prop_assert_eq!(watch.overdue(at(end)), []);
    }
}
