//! A good page, and what can be wrong with it.

use jiff::Timestamp;
use laniakea_event::{
    Draft, EventId, KeyId, Keyring, Object, SignerId, SigningKey, SubmittedEvent,
};

use super::*;

fn key() -> SigningKey {
    let name = |text| SignerId::parse(text).unwrap();
    SigningKey::from_seed(name("source"), KeyId::parse("0").unwrap(), &[7; 32])
}

fn note(id: &EventId, seq: u64, prev: u64) -> RelayNote {
    RelayNote {
        relay: SignerId::parse("relay").unwrap(),
        journal: Uuid::nil(),
        seq: Seq(seq),
        received: "2026-01-01T00:00:00Z".to_owned(),
        prev: id.prefixes().map(|prefix| (prefix.to_owned(), Seq(prev))).collect(),
    }
}

/// An event as the relay publishes it, with this done to its note.
fn frame(id: &str, seq: u64, change: impl FnOnce(&mut RelayNote)) -> Vec<u8> {
    let (id, key) = (EventId::parse(id).unwrap(), key());
    let mut keyring = Keyring::default();
    keyring.insert(key.signer().clone(), key.key_id().clone(), key.verifying_key()).unwrap();
    let time = Timestamp::from_second(1_700_000_000).unwrap();
    let data = Object::from([("seq".to_owned(), seq.into())]);
    let signed = Draft::new(id.clone(), time, data).sign(&key).unwrap();
    let event = SubmittedEvent::parse(signed.bytes(), &Limits::SUBMISSION).unwrap();
    let mut note = note(&id, seq, seq - 1);
    change(&mut note);
    event.verify(&keyring, time).unwrap().frame(&note)
}

fn good(seq: u64) -> Vec<u8> {
    frame("a.b.c", seq, |_| {})
}

/// The events 3 to 6 of a journal that ends with event 9, and what was asked for.
fn page(prefixes: &[&str]) -> (Read, Answer) {
    let prefixes = prefixes.iter().map(|prefix| Prefix::parse(prefix).unwrap()).collect();
    let read = Read { from: From::After(Seq(2)), prefixes, limit: 4 };
    let mut header = Header::new(Uuid::nil(), Seq(1), Seq(9));
    (header.count, header.next) = (Some(4), Some(Seq(6)));
    (read, Answer { header, events: (3..7).map(good).collect() })
}

type Change = fn(&mut Answer);

#[test]
fn good_pages_are_good() {
    let changes: [Change; 9] = [
        |_| {},
        |answer| answer.header.count = None,
        |answer| answer.header.last = Seq(6),
        // Retention, and what is damaged.
        |answer| {
            answer.header.first = Seq(5);
            answer.events.drain(..2);
            answer.header.count = None;
        },
        |answer| {
            answer.header.damaged = vec![Seq(4)];
            answer.events.remove(1);
            answer.header.count = None;
        },
        // An event that this consumer cannot read stands there all the same.
        |answer| answer.events[1] = b"{}".to_vec(),
        |answer| answer.events[3] = b"\xff".to_vec(),
        // A relay that had no time for more.
        |answer| {
            answer.events.truncate(1);
            (answer.header.count, answer.header.next) = (Some(1), Some(Seq(3)));
        },
        // Clocks go back.
        |answer| {
            answer.events[1] =
                frame("a.b.c", 4, |note| note.received = "1999-01-01T00:00:00Z".to_owned());
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (read, mut answer) = page(&[]);
        change(&mut answer);
        assert!(Page::of(&read, answer).is_ok(), "{number}");
    }
}

#[test]
fn pages_that_contradict_themselves_are_refused() {
    let changes: [(&str, Change); 21] = [
        ("begins with event 11 and ends with event 9", |answer| answer.header.first = Seq(11)),
        ("without `next`", |answer| answer.header.next = None),
        ("a page of 3 events that has 4", |answer| answer.header.count = Some(3)),
        ("5 events, of which at most 4", |answer| {
            answer.header.count = None;
            answer.events.push(good(7));
        }),
        ("up to 10 in a journal that ends with event 9", |answer| {
            answer.header.next = Some(Seq(10));
        }),
        ("reading from 2 gets no further", |answer| answer.header.next = Some(Seq(2))),
        ("reading from 2 gets no further", |answer| answer.header.next = Some(Seq(0))),
        ("from 2 to 6 in a journal that ends with event 1", |answer| answer.header.last = Seq(1)),
        ("event 2 is damaged, on a page from 2 to 6", |answer| {
            answer.header.damaged = vec![Seq(2)];
        }),
        ("event 7 is damaged", |answer| answer.header.damaged = vec![Seq(7)]),
        ("event 5 is there, and is damaged", |answer| answer.header.damaged = vec![Seq(5)]),
        ("event 3 is there, and is damaged or removed", |answer| answer.header.first = Seq(4)),
        ("event 5 comes after 6", |answer| answer.events.reverse()),
        ("event 4 comes after 4", |answer| answer.events[2] = good(4)),
        ("event 2 comes after 2", |answer| answer.events[0] = good(2)),
        ("event 7 comes after 5, on a page that ends with 6", |answer| {
            answer.events[3] = good(7);
        }),
        ("of the journal 00000000-0000-0000-0000-000000000001", |answer| {
            answer.events[0] = frame("a.b.c", 3, |note| note.journal = Uuid::from_u128(1));
        }),
        ("event 4 names 9 before it", |answer| {
            answer.events[1] = frame("a.b.c", 4, |note| note.prev.extend([("a.".into(), Seq(9))]));
        }),
        ("received at \"soon\", which is no time", |answer| {
            answer.events[1] = frame("a.b.c", 4, |note| note.received = "soon".to_owned());
        }),
        ("a page of all 4 events from 2 to 6 that has 3", |answer| {
            answer.events.remove(1);
            answer.header.count = None;
        }),
        ("that no note says the place of", |answer| {
            let text = String::from_utf8(good(3)).unwrap().replace("\"prev\":{", "\"prevs\":{");
            answer.events[0] = text.into_bytes();
        }),
    ];
    for (what, change) in changes {
        let (read, mut answer) = page(&[]);
        change(&mut answer);
        let said = Page::of(&read, answer).unwrap_err().to_string();
        assert!(said.contains(what), "{said}, not {what}");
    }
}

#[test]
fn what_a_filtered_page_leaves_out_shows_in_the_next_event() {
    let (read, mut answer) = page(&["a.b."]);
    answer.events.remove(1);
    answer.header.count = None;
    let said = Page::of(&read, answer.clone()).unwrap_err().to_string();
    assert_eq!(said, "event 5 names 4 before it, and the page has 3 there");
    for change in [
        |answer: &mut Answer| answer.header.damaged = vec![Seq(4)],
        |answer: &mut Answer| answer.events[1] = frame("a.b.c", 5, |note| note.prev.clear()),
    ] {
        let mut answer = answer.clone();
        change(&mut answer);
        assert!(Page::of(&read, answer).is_ok());
    }
}

#[test]
fn an_event_that_nobody_asked_for_is_refused() {
    let (read, mut answer) = page(&["a.b.c"]);
    answer.events[1] = frame("a.b.cd", 4, |_| {});
    let said = Page::of(&read, answer).unwrap_err().to_string();
    assert_eq!(said, "event 4 has the id a.b.cd, for which nobody asked");
}

#[test]
fn where_reading_since_a_time_begins_only_the_first_event_tells() {
    let (_, mut answer) = page(&[]);
    let since = From::Since("2026-01-01T00:00:00Z".to_owned());
    let read = Read { from: since, prefixes: Vec::new(), limit: 4 };
    assert!(Page::of(&read, answer.clone()).is_ok());
    answer.events.remove(2);
    answer.header.count = None;
    assert!(Page::of(&read, answer.clone()).is_err());
    answer.events.clear();
    answer.header.next = Some(Seq(9));
    assert!(Page::of(&read, answer).is_ok());
}

#[test]
fn an_end_is_shown_by_what_stands_there() {
    let (read, mut answer) = page(&["a.b."]);
    let shows = |answer: &Answer| Page::of(&read, answer.clone()).unwrap().shows_its_end();
    assert!(shows(&answer));
    answer.header.next = Some(Seq(9));
    assert!(!shows(&answer));
    answer.header.damaged = vec![Seq(9)];
    assert!(shows(&answer));
    let (first, last) = (Seq(10), Seq(9));
    answer = Answer {
        header: Header { next: Some(last), ..Header::new(Uuid::nil(), first, last) },
        events: Vec::new(),
    };
    assert!(shows(&answer), "all of it was removed");
}
