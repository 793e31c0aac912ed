//! Puts, crashes, sends and rejections in any order, against a relay that does what it likes.

use std::{cell::RefCell, collections::BTreeMap, fs};

use jiff::Timestamp;
use laniakea_event::{Draft, EventId, KeyId, Object, Seq, SignerId, SigningKey, Value};
use laniakea_wire::submit::{Receipt, SubmitError};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::send::{SendError, Step, Submit, send};

fn event(process: u64, number: u64) -> Vec<u8> {
    let key = SigningKey::from_seed(
        SignerId::parse("archive-01").unwrap(),
        KeyId::parse("0").unwrap(),
        &[7; 32],
    );
    let data = Object::from([
        ("process".to_owned(), Value::from(process)),
        ("number".to_owned(), Value::from(number)),
    ]);
    let id = EventId::parse("_lk.core.ping").unwrap();
    Draft::new(id, Timestamp::UNIX_EPOCH, data).sign(&key).unwrap().into_bytes()
}

fn spool() -> (TempDir, Spool) {
    let place = tempfile::tempdir().unwrap();
    let spool = Spool::open(place.path().join("spool"), Bounds::default()).unwrap();
    (place, spool)
}

/// What a relay does with the next submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Take,
    /// It has the event, and the reply gets lost.
    TakeSilently,
    /// It has the event, and then the sender crashes.
    TakeAndKillSender,
    Away,
    Busy,
    Reject,
}

/// A relay that takes each event once.
#[derive(Default)]
struct Relay {
    acts: RefCell<Vec<Act>>,
    journal: RefCell<Vec<Vec<u8>>>,
    rejected: RefCell<Vec<Vec<u8>>>,
}

impl Submit for Relay {
    async fn submit(&self, event: Vec<u8>) -> Result<Receipt, SubmitError> {
        let act = self.acts.borrow_mut().pop().unwrap_or(Act::Take);
        let reason = |reason: &str| SubmitError::Rejected {
            reason: reason.to_owned(),
            detail: "because\u{1b}[2J".to_owned(),
        };
        let away = SubmitError::NotARelay { endpoint: String::new() };
        match act {
            Act::Away => return Err(away),
            Act::Busy => return Err(reason("rate_limited")),
            // What it has once it cannot reject.
            Act::Reject if !self.journal.borrow().contains(&event) => {
                self.rejected.borrow_mut().push(event);
                return Err(reason("stale"));
            }
            _ => {}
        }
        let (seq, duplicate) = self.take(event);
        match act {
            Act::TakeSilently => Err(away),
            Act::TakeAndKillSender => std::future::pending().await,
            _ => Ok(Receipt { digest: String::new(), seq, duplicate }),
        }
    }
}

impl Relay {
    fn take(&self, event: Vec<u8>) -> (Seq, bool) {
        let mut journal = self.journal.borrow_mut();
        let place = journal.iter().position(|known| *known == event);
        if place.is_none() {
            journal.push(event);
        }
        (Seq(place.unwrap_or(journal.len() - 1) as u64 + 1), place.is_some())
    }
}

/// Sends until the relay stops it, or the sender is killed.
fn run(spool: &Spool, relay: &Relay) -> (Vec<Step>, bool) {
    let mut steps = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let finished = runtime.block_on(async {
        let turn = spool.turn().unwrap().expect("nobody else sends");
        let sending = send(spool, &turn, relay, u64::MAX, |step| steps.push(step));
        // The only thing that is ever waited for is a sender that is to be killed.
        tokio::select! {
            biased;
            outcome = sending => match outcome {
                Ok(()) => true,
                Err(SendError::Submit(_)) => false,
                Err(error) => panic!("{error}"),
            },
            () = std::future::ready(()) => false,
        }
    });
    (steps, finished)
}

#[derive(Debug, Clone)]
enum Operation {
    Put(u64),
    /// A process dies while it writes.
    DieWriting,
    /// Another process opens the spool anew.
    Reopen,
    Send(Vec<Act>),
}

fn operation() -> impl Strategy<Value = Operation> {
    let act = prop_oneof![
        4 => Just(Act::Take),
        1 => Just(Act::TakeSilently),
        1 => Just(Act::TakeAndKillSender),
        1 => Just(Act::Away),
        1 => Just(Act::Busy),
        1 => Just(Act::Reject),
    ];
    prop_oneof![
        4 => (0_u64..3).prop_map(Operation::Put),
        1 => Just(Operation::DieWriting),
        1 => Just(Operation::Reopen),
        2 => prop::collection::vec(act, 0..6).prop_map(Operation::Send),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_doubled_or_overtaken(operations in prop::collection::vec(operation(), 1..30)) {
        let (_place, mut spool) = spool();
        let relay = Relay::default();
        let mut put: Vec<Vec<u8>> = Vec::new();
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for operation in operations {
            match operation {
                Operation::Put(process) => {
                    let number = counts.entry(process).or_default();
                    *number += 1;
                    put.push(event(process, *number));
                    spool.put(put.last().unwrap()).unwrap();
                }
                Operation::DieWriting => {
                    fs::write(spool.path().join(".new-x"), "half").unwrap();
                }
                Operation::Reopen => {
                    spool = Spool::open(spool.path().to_owned(), Bounds::default()).unwrap();
                }
                Operation::Send(acts) => {
                    *relay.acts.borrow_mut() = acts;
                    run(&spool, &relay);
                    relay.acts.borrow_mut().clear();
                }
            }
        }
        prop_assert!(run(&spool, &relay).1);
        prop_assert!(spool.waiting().unwrap().is_empty());
        let rejected = relay.rejected.borrow();
        prop_assert_eq!(spool.contents().unwrap().rejected.len(), rejected.len());
        let expected: Vec<_> = put.into_iter().filter(|event| !rejected.contains(event)).collect();
        prop_assert_eq!(&*relay.journal.borrow(), &expected);
    }
}

#[test]
fn what_is_rejected_is_set_aside_with_the_reason_and_can_be_sent_again() {
    let (_place, spool) = spool();
    for number in 1..=3 {
        spool.put(&event(0, number)).unwrap();
    }
    let relay = Relay::default();
    *relay.acts.borrow_mut() = vec![Act::Take, Act::Reject, Act::Take];
    let (steps, finished) = run(&spool, &relay);
    assert!(finished && matches!(&steps[1], Step::Rejected(name, ..) if name.number == 2));
    let contents = spool.contents().unwrap();
    assert_eq!((contents.waiting.len(), contents.rejected.len()), (0, 1));
    let rejected = &contents.rejected[0];
    assert_eq!(rejected.reason.reason, "stale");
    assert_eq!(rejected.reason.detail, "because\\u{1b}[2J");
    assert_eq!(spool.reason(rejected.event.name).unwrap(), Some(rejected.reason.clone()));
    assert_eq!(spool.readmit().unwrap(), 1);
    assert_eq!(spool.waiting().unwrap(), [rejected.event.name]);
    run(&spool, &relay);
    assert_eq!(*relay.journal.borrow(), [event(0, 1), event(0, 3), event(0, 2)]);
}

#[test]
fn damage_is_told_and_the_rest_goes_on() {
    let (_place, spool) = spool();
    let names: Vec<Name> = (1..=5).map(|number| spool.put(&event(0, number)).unwrap()).collect();
    let file = |index: usize| spool.path().join(names[index].to_string());
    fs::write(file(0), "").unwrap();
    fs::write(file(1), event(0, 9)).unwrap();
    let mut flipped = event(0, 3);
    flipped[20] ^= 1;
    fs::write(file(2), flipped).unwrap();
    fs::write(file(3), vec![b'['; 3 << 20]).unwrap();
    fs::write(spool.path().join("notes.txt"), "").unwrap();
    let relay = Relay::default();
    let (steps, finished) = run(&spool, &relay);
    let damaged = steps.iter().filter(|step| matches!(step, Step::Damaged(_))).count();
    assert!(finished && damaged == 4, "{steps:?}");
    assert_eq!(*relay.journal.borrow(), [event(0, 5)]);
    let contents = spool.contents().unwrap();
    assert_eq!((contents.waiting.len(), contents.damaged.len(), contents.foreign.len()), (0, 4, 1));
    assert_eq!(spool.remove(&names).unwrap(), 4);
    assert!(spool.contents().unwrap().damaged.is_empty());
}

#[test]
fn damage_in_what_was_rejected_is_told_too() {
    let (_place, spool) = spool();
    let name = spool.put(&event(0, 1)).unwrap();
    let relay = Relay::default();
    *relay.acts.borrow_mut() = vec![Act::Reject];
    run(&spool, &relay);
    let file = spool.path().join("rejected").join(name.to_string());
    for damage in ["", "{}", "[]", r#"{"reason":"x","detail":"y","event":{}}"#, "{\"event\":"] {
        fs::write(&file, damage).unwrap();
        let contents = spool.contents().unwrap();
        assert_eq!((contents.rejected.len(), contents.damaged.len()), (0, 1), "{damage}");
        assert_eq!(spool.reason(name).unwrap(), None);
        assert_eq!(spool.readmit().unwrap(), 0);
    }
}

#[test]
fn only_events_are_kept_and_no_more_than_there_is_room_for() {
    let place = tempfile::tempdir().unwrap();
    let bounds = Bounds { events: 2, bytes: 1 << 20 };
    let spool = Spool::open(place.path(), bounds).unwrap();
    assert!(matches!(spool.put(b"{}"), Err(SpoolError::NotAnEvent(_))));
    spool.put(&event(0, 1)).unwrap();
    spool.put(&event(0, 2)).unwrap();
    let full = spool.put(&event(0, 3)).unwrap_err().to_string();
    assert!(full.contains(" is full: it holds 2 events of ") && full.contains("may hold 2 of"));
    run(&spool, &Relay::default());
    spool.put(&event(0, 3)).unwrap();
}
