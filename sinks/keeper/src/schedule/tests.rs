use proptest::prelude::*;

use super::*;

const fn s(seconds: u64) -> Moment {
    Duration::from_secs(seconds)
}

fn timing() -> Timing {
    Timing {
        debounce: Duration::ZERO,
        max_wait: None,
        once_within: Duration::ZERO,
        per_key: 1,
        concurrency: 1,
        fallback_every: None,
        fallback_cron: None,
    }
}

fn schedule(timing: Timing) -> Schedule {
    let mut schedule = Schedule::new(10);
    schedule.set_rules([("r".to_owned(), timing)], Moment::ZERO);
    schedule
}

fn events(key: &str) -> Due {
    Due::Events { rule: "r".to_owned(), key: key.to_owned() }
}

#[test]
fn an_event_without_debounce_runs_at_once() {
    let mut schedule = schedule(timing());
    schedule.add("r", "a", s(5));
    assert_eq!(schedule.next_wake(), Some(s(5)));
    assert_eq!(schedule.due(s(5)), [events("a")]);
    assert_eq!(schedule.due(s(5)), []);
}

#[test]
fn a_burst_is_one_run_once_it_is_quiet_or_has_waited_long_enough() {
    let mut schedule = schedule(Timing { debounce: s(60), max_wait: Some(s(300)), ..timing() });
    schedule.add("r", "a", s(0));
    schedule.add("r", "a", s(50));
    assert_eq!(schedule.due(s(109)), []);
    assert_eq!(schedule.next_wake(), Some(s(110)));
    assert_eq!(schedule.due(s(110)), [events("a")]);
    schedule.ended("r", "a", 1, Next::Done, s(111));
    for at in (200..=490).step_by(30) {
        schedule.add("r", "a", s(at));
        assert_eq!(schedule.due(s(at)), [], "{at}");
    }
    assert_eq!(schedule.next_wake(), Some(s(500)));
    assert_eq!(schedule.due(s(500)), [events("a")]);
}

#[test]
fn what_comes_while_it_runs_runs_once_more_afterwards() {
    let mut schedule = schedule(timing());
    schedule.add("r", "a", s(0));
    assert_eq!(schedule.due(s(0)), [events("a")]);
    for at in 1..20 {
        schedule.add("r", "a", s(at));
        assert_eq!(schedule.due(s(at)), []);
        assert_eq!(schedule.next_wake(), None);
    }
    schedule.ended("r", "a", 1, Next::Done, s(20));
    assert_eq!(schedule.due(s(20)), [events("a")]);
    schedule.ended("r", "a", 2, Next::Done, s(21));
    assert_eq!(schedule.due(s(21)), []);
}

#[test]
fn runs_of_one_key_begin_apart_and_others_do_not_wait() {
    let mut schedule = schedule(Timing { once_within: s(100), concurrency: 5, ..timing() });
    schedule.add("r", "a", s(0));
    assert_eq!(schedule.due(s(0)), [events("a")]);
    schedule.ended("r", "a", 1, Next::Done, s(1));
    schedule.add("r", "a", s(2));
    schedule.add("r", "b", s(2));
    assert_eq!(schedule.due(s(2)), [events("b")]);
    assert_eq!(schedule.next_wake(), Some(s(100)));
    assert_eq!(schedule.due(s(99)), []);
    assert_eq!(schedule.due(s(100)), [events("a")]);
}

#[test]
fn no_more_run_than_may_at_a_time_and_the_longest_wait_comes_first() {
    let mut schedule = Schedule::new(3);
    let two = Timing { concurrency: 2, ..timing() };
    schedule.set_rules([("q".to_owned(), two.clone()), ("r".to_owned(), two)], s(0));
    for (at, key) in [(3, "c"), (1, "a"), (2, "b")] {
        schedule.add("r", key, s(at));
    }
    schedule.add("q", "x", s(4));
    schedule.add("q", "y", s(5));
    let x = Due::Events { rule: "q".to_owned(), key: "x".to_owned() };
    assert_eq!(schedule.due(s(9)), [events("a"), events("b"), x]);
    assert_eq!(schedule.due(s(9)), []);
    schedule.ended("r", "a", 1, Next::Done, s(10));
    assert_eq!(schedule.due(s(10)), [events("c")]);
    assert_eq!(schedule.running(), 3);
}

#[test]
fn a_retry_holds_its_key_and_not_its_place() {
    let mut schedule = schedule(timing());
    schedule.add("r", "a", s(0));
    schedule.due(s(0));
    schedule.ended("r", "a", 7, Next::Retry(s(30)), s(1));
    schedule.add("r", "a", s(2));
    schedule.add("r", "b", s(2));
    assert_eq!(schedule.due(s(2)), [events("b")]);
    schedule.ended("r", "b", 8, Next::Done, s(3));
    assert_eq!(schedule.next_wake(), Some(s(31)));
    assert_eq!(schedule.due(s(30)), []);
    let retry = Due::Retry { rule: "r".to_owned(), key: "a".to_owned(), run: 7 };
    assert_eq!(schedule.due(s(31)), [retry]);
    schedule.ended("r", "a", 7, Next::Done, s(32));
    assert_eq!(schedule.due(s(32)), [events("a")]);
}

#[test]
fn a_rule_that_nothing_happens_to_runs_as_its_safety_net() {
    let mut schedule = schedule(Timing { fallback_every: Some(s(3_600)), ..timing() });
    let fallback = Due::Fallback { rule: "r".to_owned() };
    assert_eq!(schedule.next_wake(), Some(s(3_600)));
    schedule.add("r", "a", s(3_000));
    assert_eq!(schedule.due(s(3_000)), [events("a")]);
    assert_eq!(schedule.due(s(9_000)), []);
    schedule.ended("r", "a", 1, Next::Done, s(9_000));
    assert_eq!(schedule.due(s(9_000)), std::slice::from_ref(&fallback));
    schedule.ended("r", "", 2, Next::Done, s(9_001));
    assert_eq!(schedule.next_wake(), Some(s(12_600)));
    // After a restart the ledger says when it last ran.
    let hourly = Timing { fallback_every: Some(s(3_600)), ..timing() };
    let mut schedule = Schedule::new(10);
    schedule.set_rules([("r".to_owned(), hourly)], s(50_000));
    schedule.there_since("r", s(20_000));
    assert_eq!(schedule.next_wake(), Some(s(23_600)));
    schedule.began("r", "", s(48_000));
    schedule.began("r", "a", s(47_000));
    assert_eq!(schedule.next_wake(), Some(s(51_600)));
    assert_eq!(schedule.due(s(51_600)), [fallback]);
}

#[test]
fn a_cron_pattern_is_a_safety_net_too_whatever_the_clock_does() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let utc = jiff::tz::TimeZone::UTC;
    let cron = Cron::parse_in("0 3 * * *", utc, at("2026-01-01T00:00:00Z")).unwrap();
    let mut schedule = Schedule::new(10);
    schedule.set_wall(s(1_000), at("2026-01-01T02:00:00Z"));
    let nightly = Timing { fallback_cron: Some(cron), ..timing() };
    schedule.set_rules([("r".to_owned(), nightly)], s(1_000));
    let fallback = [Due::Fallback { rule: "r".to_owned() }];
    assert_eq!(schedule.next_wake(), Some(s(4_600)));
    assert_eq!(schedule.due(s(4_599)), []);
    assert_eq!(schedule.due(s(4_600)), fallback);
    schedule.ended("r", "", 1, Next::Done, s(4_700));
    assert_eq!(schedule.next_wake(), Some(s(4_600 + 86_400)));
    // The clock is set an hour ahead.
    schedule.set_wall(s(5_000), at("2026-01-01T04:06:40Z"));
    assert_eq!(schedule.next_wake(), Some(s(4_600 + 86_400 - 3_600)));
    // A run that begins just then is as good; one that has begun before is not.
    let three = 4_600 + 86_400 - 3_600;
    schedule.add("r", "a", s(three));
    assert_eq!(schedule.due(s(three)), [events("a")]);
    schedule.ended("r", "a", 2, Next::Done, s(three + 5));
    assert_eq!(schedule.due(s(three + 5)), []);
    schedule.add("r", "a", s(three + 86_300));
    assert_eq!(schedule.due(s(three + 86_300)), [events("a")]);
    assert_eq!(schedule.due(s(three + 86_400)), []);
    schedule.ended("r", "a", 3, Next::Done, s(three + 86_500));
    assert_eq!(schedule.due(s(three + 86_500)), fallback);
}

#[test]
fn a_rule_that_changes_keeps_what_waits_and_one_that_goes_starts_nothing() {
    let mut schedule = schedule(Timing { debounce: s(60), ..timing() });
    schedule.add("r", "a", s(0));
    schedule.set_rules([("r".to_owned(), timing())], s(1));
    assert_eq!(schedule.due(s(1)), [events("a")]);
    schedule.add("r", "a", s(2));
    schedule.set_rules([], s(3));
    assert_eq!(schedule.running(), 1);
    schedule.ended("r", "a", 1, Next::Done, s(4));
    assert_eq!((schedule.running(), schedule.due(s(4))), (0, vec![]));
    // Once it is there again, so is what waited.
    schedule.set_rules([("r".to_owned(), timing())], s(5));
    assert_eq!(schedule.due(s(5)), [events("a")]);
}

#[test]
fn rules_that_are_read_again_do_not_make_the_safety_net_due() {
    let hourly = || [("r".to_owned(), Timing { fallback_every: Some(s(3_600)), ..timing() })];
    let mut schedule = Schedule::new(10);
    schedule.set_rules(hourly(), s(50_000));
    schedule.there_since("r", s(20_000));
    schedule.began("r", "", s(48_000));
    // The ledger says once more since when the rule is there.
    schedule.set_rules(hourly(), s(50_500));
    schedule.there_since("r", s(20_000));
    assert_eq!(schedule.next_wake(), Some(s(51_600)));
    schedule.add("r", "a", s(51_000));
    assert_eq!(schedule.due(s(51_000)), [events("a")]);
    schedule.ended("r", "a", 1, Next::Done, s(51_001));
    schedule.set_rules(hourly(), s(51_002));
    schedule.there_since("r", s(20_000));
    assert_eq!(schedule.due(s(51_002)), []);
    assert_eq!(schedule.next_wake(), Some(s(54_600)));
}

#[test]
fn a_run_that_somebody_wants_tried_again_waits_for_another_of_its_key() {
    let mut schedule = schedule(Timing { concurrency: 4, ..timing() });
    schedule.add("r", "a", s(0));
    assert_eq!(schedule.due(s(0)), [events("a")]);
    let retry = |run| Due::Retry { rule: "r".to_owned(), key: "a".to_owned(), run };
    schedule.hold("r", "a", 7, s(1));
    schedule.hold("r", "a", 8, s(1));
    schedule.add("r", "a", s(1));
    assert_eq!((schedule.due(s(2)), schedule.next_wake()), (vec![], None));
    schedule.ended("r", "a", 9, Next::Done, s(3));
    assert_eq!(schedule.due(s(3)), [retry(7)]);
    assert_eq!((schedule.due(s(4)), schedule.next_wake()), (vec![], None));
    schedule.ended("r", "a", 7, Next::Done, s(5));
    assert_eq!(schedule.due(s(5)), [retry(8)]);
    schedule.ended("r", "a", 8, Next::Done, s(6));
    assert_eq!(schedule.due(s(6)), [events("a")]);
}

/// What may happen to a schedule.
#[derive(Debug, Clone)]
enum Step {
    Event(u8, u8),
    Pass(u64),
    End(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8, 0..4_u8).prop_map(|(rule, key)| Step::Event(rule, key)),
        3 => (0..50_u64).prop_map(Step::Pass),
        3 => (0..8_usize, any::<bool>()).prop_map(|(which, fails)| Step::End(which, fails)),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// Every event is in exactly one run, runs never overlap beyond what the rule says, and whoever
    /// waits long enough gets on.
    #[test]
    fn nothing_is_lost_doubled_or_run_too_often(steps in steps()) {
        let limits = Timing {
            debounce: s(10), max_wait: Some(s(40)), once_within: s(5), per_key: 1, concurrency: 2,
            fallback_every: None,
            fallback_cron: None,
        };
        let mut schedule = Schedule::new(4);
        schedule.set_rules((0..3).map(|rule| (format!("{rule}"), limits.clone())), s(0));
        let mut now = s(0);
        let mut waiting: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut at_work: Vec<(String, String, RunId)> = Vec::new();
        let mut retrying: BTreeMap<RunId, (String, String)> = BTreeMap::new();
        let mut last: BTreeMap<(String, String), Moment> = BTreeMap::new();
        let (mut added, mut run, mut next_run) = (0_usize, 0_usize, 0);
        let mut turn = |schedule: &mut Schedule, now: Moment, at_work: &mut Vec<(String, String, RunId)>,
                        waiting: &mut BTreeMap<(String, String), usize>,
                        retrying: &mut BTreeMap<RunId, (String, String)>| {
            for due in schedule.due(now) {
                let (rule, key, id) = match due {
                    Due::Events { rule, key } => {
                        let place = (rule.clone(), key.clone());
                        run += waiting.remove(&place).expect("events wait for it");
                        assert!(last.insert(place, now).is_none_or(|last| last + s(5) <= now));
                        next_run += 1;
                        (rule, key, next_run)
                    }
                    Due::Retry { rule, key, run } => {
                        assert_eq!(retrying.remove(&run), Some((rule.clone(), key.clone())));
                        last.insert((rule.clone(), key.clone()), now);
                        (rule, key, run)
                    }
                    Due::Fallback { .. } => unreachable!("no rule has one"),
                };
                assert!(!at_work.iter().any(|(r, k, _)| (r, k) == (&rule, &key)));
                assert!(at_work.iter().filter(|(r, ..)| *r == rule).count() < 2);
                at_work.push((rule, key, id));
                assert!(at_work.len() <= 4);
            }
            run
        };
        for step in steps {
            match step {
                Step::Event(rule, key) => {
                    let (rule, key) = (rule.to_string(), key.to_string());
                    schedule.add(&rule, &key, now);
                    *waiting.entry((rule, key)).or_default() += 1;
                    added += 1;
                }
                Step::Pass(seconds) => now += s(seconds),
                Step::End(which, fails) if which < at_work.len() => {
                    let (rule, key, id) = at_work.remove(which);
                    let next = if fails { Next::Retry(s(7)) } else { Next::Done };
                    schedule.ended(&rule, &key, id, next, now);
                    if fails {
                        retrying.insert(id, (rule, key));
                    }
                }
                Step::End(..) => {}
            }
            turn(&mut schedule, now, &mut at_work, &mut waiting, &mut retrying);
        }
        // All that runs ends well, and time passes: nobody waits for ever.
        for _ in 0..1_000 {
            for (rule, key, id) in std::mem::take(&mut at_work) {
                schedule.ended(&rule, &key, id, Next::Done, now);
            }
            let Some(wake) = schedule.next_wake() else { break };
            now = now.max(wake);
            turn(&mut schedule, now, &mut at_work, &mut waiting, &mut retrying);
        }
        let ran = turn(&mut schedule, now, &mut at_work, &mut waiting, &mut retrying);
        prop_assert_eq!((ran, schedule.next_wake()), (added, None));
        prop_assert!(waiting.is_empty() && retrying.is_empty());
    }
}
