use std::time::Duration;

use laniakea_event::{Dialect, Draft, KeyId, Limits, Object, SignerId, SigningKey, SubmittedEvent};

use super::*;
use crate::{
    batch::KeptEvent,
    herald::Announce,
    ledger::{Arrival, KnownRule, Verdict, Wanted},
    note::{About, What},
    schedule::Due,
    watch::{Change, Step},
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn key(name: &str) -> SigningKey {
    let (signer, key_id) = (SignerId::parse(name).unwrap(), KeyId::parse("1").unwrap());
    SigningKey::from_seed(signer, key_id, &[7; 32])
}

fn ledger(announce: Announce) -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    ledger.announce_with(Arc::new(Herald::new(key("keeper-01"), Dialect::Seed, announce)));
    ledger
}

fn arrival(repo: &str, chain: &[&str]) -> Arrival {
    let data = Object::from([("repo".to_owned(), repo.into())]);
    let id = EventId::parse("_lk.archive.package-upload-rejected").unwrap();
    let mut draft = Draft::new(id, NOW, data);
    if !chain.is_empty() {
        draft = draft.member("chain", chain.to_vec());
    }
    let frame = draft.sign(&key("archive-01")).unwrap().into_bytes();
    let event = KeptEvent::parse(frame).unwrap();
    let wanted = Wanted { rule: "r".to_owned(), key: "k".to_owned(), replaces: false };
    Arrival { digest: event.digest, frame: event.frame, wanted: vec![wanted], steps: Vec::new() }
}

/// What waits: the type, the chain, and a member of its data.
fn waiting(ledger: &Ledger, member: &str) -> Vec<String> {
    let show = |outgoing: Outgoing| {
        let event = SubmittedEvent::parse(&outgoing.event, &Limits::SUBMISSION).unwrap();
        assert_eq!((event.digest(), event.id().as_str()), (outgoing.digest, outgoing.id.as_str()));
        let chain = event.covered().get("chain").map(laniakea_event::Value::to_canonical);
        let member = event.covered()["data"].get(member).map(laniakea_event::Value::to_canonical);
        format!("{} {} {}", event.id(), chain.unwrap_or_default(), member.unwrap_or_default())
    };
    ledger.outbox(100).unwrap().into_iter().map(show).collect()
}

#[test]
fn what_begins_and_ends_is_told_in_order_and_once() {
    let mut ledger = ledger(Announce::All);
    let arrivals = [arrival("a", &["k/x"]), arrival("b", &["k/y"])];
    let started = ledger
        .take_and_start(&arrivals, None, NOW, |added| {
            assert_eq!(added.len(), 2);
            vec![Due::Events { rule: "r".to_owned(), key: "k".to_owned() }]
        })
        .unwrap();
    let (run, events) = (started[0].1.run, &started[0].1.events);
    assert_eq!(events.len(), 2);
    let chain = r#"["k/x","k/y","keeper-01/r"]"#;
    let begun = format!("_lk.keeper.run-started {chain} [\"a\",\"b\"]");
    assert_eq!(waiting(&ledger, "repos"), [begun.as_str()]);
    let again = Verdict::Again { problem: "x".to_owned(), at: NOW };
    ledger.finish(run, &again, b"", NOW).unwrap();
    ledger.start_again(run, NOW).unwrap();
    assert_eq!(waiting(&ledger, "repos"), [begun.as_str()]);
    let herald = ledger.voice.herald.clone().unwrap();
    let id = EventId::parse("org.example.site.done").unwrap();
    let emitted = herald.sign(id, Object::new(), &Chain::default(), NOW).unwrap();
    let later = NOW + Duration::from_secs(3);
    ledger.finish_with(run, &Verdict::Succeeded, b"", Some(&emitted), later).unwrap();
    let ended = format!("_lk.keeper.run-succeeded {chain} 3000");
    let told = waiting(&ledger, "duration_ms");
    assert_eq!(told[1..], ["org.example.site.done  ", &ended]);
    let places: Vec<i64> = ledger.outbox(2).unwrap().iter().map(|event| event.place).collect();
    ledger.sent(places[1]).unwrap();
    assert_eq!(waiting(&ledger, "duration_ms"), [ended]);
}

#[test]
fn what_is_not_to_be_told_is_not() {
    for (announce, count) in [(Announce::All, 2), (Announce::Failures, 1), (Announce::None, 0)] {
        let mut ledger = ledger(announce);
        ledger.take(&[arrival("a", &[])], None, NOW).unwrap();
        let run = ledger.start("r", "k", NOW).unwrap().run;
        let failed = Verdict::Failed { problem: "exit status: 7".to_owned() };
        ledger.finish(run, &failed, b"", NOW).unwrap();
        assert_eq!(ledger.outbox(9).unwrap().len(), count, "{announce:?}");
    }
    // Without a key nobody is told anything.
    let mut ledger = Ledger::in_memory().unwrap();
    let run = ledger.start("r", "k", NOW).unwrap().run;
    ledger.finish(run, &Verdict::Succeeded, b"", NOW).unwrap();
    assert_eq!(ledger.outbox(9).unwrap(), []);
}

#[test]
fn something_that_did_not_come_is_told() {
    let mut ledger = ledger(Announce::Failures);
    let what = What::Absent {
        missing: "_lk.jobs.job-finished".to_owned(),
        since: NOW,
        waited: Duration::from_hours(12),
    };
    let note = crate::note::Note {
        rule: "stuck".to_owned(),
        key: "job".to_owned(),
        about: About::default(),
        what,
    };
    ledger.note_event(&note, NOW).unwrap();
    assert_eq!(
        waiting(&ledger, "waited_s"),
        [r#"_lk.keeper.run-absent ["keeper-01/stuck"] 43200"#]
    );
}

#[test]
fn what_did_not_come_is_told_once_with_what_waited_for_it() {
    let step = |change| Step { rule: "r".to_owned(), key: "k".to_owned(), change };
    for announce in [Announce::Failures, Announce::None] {
        let mut ledger = ledger(announce);
        let rule = KnownRule {
            name: "r".to_owned(),
            pattern: Some("p".to_owned()),
            begins_at_once: false,
            missing: Some("a.b or a.c".to_owned()),
        };
        ledger.adopt(&[rule], NOW).unwrap();
        let steps = vec![step(Change::Begin { chain: 1, since: NOW })];
        let waits = Arrival { wanted: Vec::new(), steps, ..arrival("a", &["k/x"]) };
        assert_eq!(ledger.take(&[waits], None, NOW).unwrap(), []);
        assert_eq!(waiting(&ledger, "missing"), Vec::<String>::new());
        let fire = step(Change::Fire { chain: 1, events: 1, missed: Some(NOW) });
        let later = NOW + Duration::from_secs(90);
        let added = ledger.judge(&[fire], later).unwrap();
        assert_eq!(added, [("r".to_owned(), "k".to_owned())]);
        let told = |text: &str| match announce {
            Announce::None => Vec::new(),
            _ => vec![format!("_lk.keeper.run-absent [\"k/x\",\"keeper-01/r\"] {text}")],
        };
        assert_eq!(waiting(&ledger, "missing"), told("\"a.b or a.c\""));
        assert_eq!(waiting(&ledger, "waited_s"), told("90"));
        // Its run carries the chain on, and does not tell of it again.
        let started = ledger.start("r", "k", later).unwrap();
        assert_eq!((started.events.len(), started.missed), (1, Some(NOW)));
        assert_eq!(waiting(&ledger, "key"), told("\"k\""));
    }
}

#[test]
fn a_run_that_waits_for_a_lock_has_not_failed() {
    let mut ledger = ledger(Announce::Failures);
    let run = ledger.start("r", "k", NOW).unwrap().run;
    let held = Verdict::Held { problem: "process 7 holds it".to_owned(), at: NOW };
    ledger.finish(run, &held, b"", NOW).unwrap();
    assert_eq!(waiting(&ledger, "rule"), Vec::<String>::new());
}
