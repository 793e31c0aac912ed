use std::time::Duration;

use laniakea_event::Digest;
use tempfile::TempDir;

use super::*;
use crate::{
    ledger::{Arrival, Verdict},
    watch::{Pattern, Role, Shape, Watch},
};

const RULE: &str = "r";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn known(pattern: &str) -> KnownRule {
    KnownRule {
        name: RULE.to_owned(),
        pattern: Some(pattern.to_owned()),
        begins_at_once: false,
        missing: Some("a.c".to_owned()),
    }
}

/// A watch and its ledger, which is opened anew now and then.
struct Desk {
    directory: TempDir,
    ledger: Ledger,
    watch: Watch,
    shape: Shape,
}

impl Desk {
    fn new(shape: Shape) -> Self {
        let directory = TempDir::new().unwrap();
        let ledger = Ledger::open(&directory.path().join("l")).unwrap();
        let mut this = Self { directory, ledger, watch: Watch::default(), shape };
        this.reopen(0);
        this
    }

    fn reopen(&mut self, now: i64) {
        let begins_at_once = self.shape == Shape::Silence { is_keyed: false };
        self.ledger = Ledger::open(&self.directory.path().join("l")).unwrap();
        let rule = KnownRule { begins_at_once, ..known("p") };
        let Adopted { kept, seen } = self.ledger.adopt(&[rule], at(now)).unwrap();
        assert_eq!(seen, [(RULE.to_owned(), at(0))]);
        let pattern = Pattern { shape: self.shape, within: Duration::from_secs(100) };
        self.watch = Watch::new([(RULE.to_owned(), pattern)], kept);
    }

    /// An event of its own for each number.
    fn see(&mut self, number: u8, key: &str, role: Role, seconds: i64) -> Vec<(String, String)> {
        let steps = self.watch.see(RULE, key, &[role], at(seconds));
        let digest = Digest::of(&[number]);
        let frame = format!(r#"{{"id":"a.b","number":{number}}}"#).into_bytes();
        let arrival = Arrival { digest, frame, wanted: Vec::new(), steps };
        self.ledger.take(&[arrival], None, at(seconds)).unwrap()
    }

    fn judge(&mut self, now: i64) -> Vec<(String, String)> {
        let steps = self.watch.overdue(at(now));
        self.ledger.judge(&steps, at(now)).unwrap()
    }

    /// Which events wait for a run.
    fn pending(&self) -> Vec<i64> {
        let sql = "SELECT event FROM pending ORDER BY event";
        let mut select = self.ledger.connection.prepare(sql).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.ledger.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }
}

fn due(key: &str) -> [(String, String); 1] {
    [(RULE.to_owned(), key.to_owned())]
}

#[test]
fn what_is_missed_survives_restarts_and_runs_once_with_what_waited() {
    let mut desk = Desk::new(Shape::Unanswered);
    assert_eq!(desk.see(1, "a", Role::Part(0), 10), []);
    desk.reopen(15);
    desk.see(2, "a", Role::Part(0), 20);
    desk.see(3, "b", Role::Part(0), 20);
    desk.reopen(25);
    desk.see(4, "b", Role::Answer, 50);
    desk.reopen(109);
    assert_eq!(desk.judge(109), []);
    assert_eq!(desk.judge(110), due("a"));
    assert_eq!(desk.pending(), [1, 2]);
    // Killed here, it still runs.
    desk.reopen(120);
    assert_eq!(desk.judge(500), []);
    let waiting = desk.ledger.waiting().unwrap();
    assert_eq!(waiting.len(), 1);
    let started = desk.ledger.start(RULE, "a", at(121)).unwrap();
    assert_eq!(started.missed, Some(at(10)));
    assert_eq!(desk.ledger.waiting().unwrap(), []);
    let expected = Absence {
        id: 1,
        rule: RULE.to_owned(),
        key: "a".to_owned(),
        since: at(10),
        noticed: at(110),
        run: Some(started.run),
    };
    assert_eq!(desk.ledger.absence_of(started.run).unwrap(), Some(expected));
    // What is old goes, and what still waits does not.
    desk.see(5, "c", Role::Part(0), 140);
    desk.ledger.finish(started.run, &Verdict::Succeeded, b"", at(150)).unwrap();
    desk.ledger.start(RULE, "b", at(151)).unwrap();
    assert_eq!(desk.ledger.prune(at(9_999)).unwrap(), 1);
    assert_eq!((desk.count("absence"), desk.count("event"), desk.count("watched")), (0, 1, 1));
}

#[test]
fn silence_before_the_first_event_is_missed_once_over_restarts() {
    let mut desk = Desk::new(Shape::Silence { is_keyed: false });
    desk.reopen(60);
    assert_eq!(desk.judge(99), []);
    assert_eq!(desk.judge(100), due(""));
    desk.reopen(150);
    // There is no event, and all the same it is not forgotten.
    assert_eq!(desk.ledger.waiting().unwrap().len(), 1);
    let started = desk.ledger.start(RULE, "", at(151)).unwrap();
    assert_eq!((started.events.len(), started.missed), (0, Some(at(0))));
    desk.reopen(500);
    assert_eq!(desk.judge(9_999), []);
    desk.see(1, "", Role::Part(0), 10_000);
    desk.see(2, "", Role::Part(0), 10_050);
    desk.reopen(10_060);
    assert_eq!(desk.judge(10_150), due(""));
    assert_eq!(desk.pending(), [2]);
}

#[test]
fn a_sequence_survives_restarts_with_its_events_in_order() {
    let mut desk = Desk::new(Shape::Sequence(3));
    desk.see(1, "a", Role::Part(0), 10);
    desk.see(2, "a", Role::Part(1), 20);
    desk.reopen(25);
    desk.see(3, "a", Role::Part(0), 30);
    desk.see(4, "a", Role::Part(1), 120);
    desk.reopen(125);
    assert_eq!(desk.see(5, "a", Role::Part(2), 130), due("a"));
    assert_eq!(desk.pending(), [3, 4, 5]);
    assert_eq!((desk.count("watched"), desk.count("absence")), (0, 0));
    // What can become nothing any more is forgotten.
    desk.see(6, "a", Role::Part(0), 200);
    assert_eq!(desk.judge(301), []);
    assert_eq!(desk.count("watched"), 0);
}

#[test]
fn a_rule_that_waits_for_something_else_or_was_gone_begins_anew() {
    let mut desk = Desk::new(Shape::Unanswered);
    desk.see(1, "a", Role::Part(0), 10);
    let Adopted { kept, .. } = desk.ledger.adopt(&[known("p")], at(20)).unwrap();
    assert_eq!(kept.len(), 1);
    let Adopted { kept, seen } = desk.ledger.adopt(&[known("other")], at(30)).unwrap();
    assert_eq!((kept, seen), (vec![], vec![(RULE.to_owned(), at(0))]));
    desk.reopen(40);
    desk.see(2, "a", Role::Part(0), 50);
    desk.ledger.adopt(&[], at(60)).unwrap();
    assert_eq!((desk.count("watched"), desk.count("rule")), (0, 0));
}

#[test]
fn an_event_that_was_taken_before_is_known() {
    let mut desk = Desk::new(Shape::Unanswered);
    assert!(!desk.ledger.knows(&Digest::of(&[1])).unwrap());
    desk.see(1, "a", Role::Part(0), 10);
    assert!(desk.ledger.knows(&Digest::of(&[1])).unwrap());
}
