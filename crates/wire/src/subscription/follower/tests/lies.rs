//! What a relay may say that is not so, each by itself.

use super::*;

/// Answers once, with this done to the answer.
fn lie(
    follower: &mut Follower,
    relay: &Relay,
    lie: impl FnOnce(&mut Answer),
) -> (Vec<u64>, Vec<String>) {
    let request = follower.wanted().unwrap();
    let mut answer = relay.answer(&request, PAGE);
    answer.header.count = None;
    lie(&mut answer);
    follower.on_answer(&request, answer);
    told(follower.take_steps())
}

fn relay(events: usize) -> Relay {
    let mut relay = Relay::new(1);
    (0..events).for_each(|number| relay.take("a.b.c", number));
    relay
}

/// A relay that is read to its end.
fn followed(prefixes: &[&str], relay: &Relay) -> Follower {
    let mut follower = Follower::new(&config(prefixes, Start::After(Seq(0))), None);
    settle(&mut follower, relay);
    follower
}

#[test]
fn a_last_event_that_is_not_there_is_no_place_to_begin() {
    let relay = relay(3);
    for prefixes in [&[][..], &["a.b."]] {
        let mut follower = Follower::new(&config(prefixes, Start::Now), None);
        let (_, others) = lie(&mut follower, &relay, |answer| answer.header.last = Seq(1 << 63));
        assert!(others.is_empty(), "{others:?}");
        let (_, others) = lie(&mut follower, &relay, |answer| {
            answer.header.last = Seq(1 << 63);
            answer.header.next = Some(Seq(1 << 63));
        });
        assert!(others[0].contains("a page of all 1 events"), "{others:?}");
        let (_, others) = settle(&mut follower, &relay);
        assert!(others[0].contains("CaughtUp") && others[0].contains("Seq(3)"), "{others:?}");
    }
}

#[test]
fn events_in_another_order_are_not_delivered_and_move_nothing() {
    let relay = relay(5);
    let mut follower = Follower::new(&config(&[], Start::After(Seq(0))), None);
    let (numbers, others) = lie(&mut follower, &relay, |answer| answer.events.reverse());
    assert!(numbers.is_empty() && others[0].contains("event 4 comes after 5"), "{others:?}");
    assert_eq!(settle(&mut follower, &relay).0, [0, 1, 2, 3, 4]);
}

#[test]
fn a_page_that_reads_beyond_the_journal_moves_nothing() {
    let relay = relay(2);
    let mut follower = Follower::new(&config(&["z.z.z"], Start::After(Seq(0))), None);
    let (_, others) = lie(&mut follower, &relay, |answer| answer.header.next = Some(Seq(9)));
    assert!(others[0].contains("up to 9 in a journal that ends with event 2"), "{others:?}");
    assert_eq!(follower.reach.complete(), Seq(0));
}

#[test]
fn what_a_filtered_page_withheld_is_read_when_a_live_event_names_it() {
    let mut relay = relay(3);
    let mut follower = Follower::new(&config(&["a.b."], Start::After(Seq(0))), None);
    let (numbers, _) = lie(&mut follower, &relay, |answer| answer.events.truncate(1));
    assert_eq!(numbers, [0]);
    settle(&mut follower, &relay);
    relay.take("a.b.c", 3);
    let (numbers, others) = live(&mut follower, &relay, 4);
    assert!(numbers.is_empty() && others[0].contains("between 1 and 3"), "{others:?}");
    assert_eq!(settle(&mut follower, &relay).0, [1, 2, 3]);
}

#[test]
fn what_a_filtered_page_withheld_is_read_when_the_next_page_names_it() {
    let mut relay = relay(3);
    let mut follower = Follower::new(&config(&["a.b."], Start::After(Seq(0))), None);
    lie(&mut follower, &relay, |answer| answer.events.truncate(1));
    settle(&mut follower, &relay);
    relay.take("a.b.c", 3);
    follower.check();
    let (numbers, others) = settle(&mut follower, &relay);
    assert!(others.iter().any(|other| other.contains("names 3 before it")), "{others:?}");
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_relay_that_names_another_journal_each_time_changes_nothing() {
    let mut relay = relay(3);
    let mut follower = followed(&[], &relay);
    for number in 2..9 {
        follower.check();
        let journal = Uuid::from_u128(number);
        let (_, others) = lie(&mut follower, &relay, |answer| answer.header.journal = journal);
        assert!(others.iter().all(|other| other.starts_with("its journal is")), "{others:?}");
    }
    relay.take("a.b.c", 3);
    assert_eq!(settle(&mut follower, &relay).0, [3]);
}

#[test]
fn a_journal_that_was_left_is_read_on_where_it_was_left() {
    let (mut relay, mut other) = (relay(3), Relay::new(2));
    let mut follower = followed(&[], &relay);
    other.take("a.b.c", 7);
    for (journal, number) in [(&other, vec![7]), (&relay, vec![])] {
        follower.look_again();
        let (numbers, others) = settle(&mut follower, journal);
        assert_eq!(numbers, number);
        assert!(others[0].starts_with("JournalChanged"), "{others:?}");
    }
    assert_eq!(follower.reach.complete(), Seq(3));
    relay.take("a.b.c", 3);
    assert_eq!(live(&mut follower, &relay, 4).0, [3]);
}

#[test]
fn a_journal_that_is_shorter_than_it_was_is_told_and_nothing_is_delivered_twice() {
    let long = relay(9);
    let mut follower = followed(&[], &long);
    let short = relay(4);
    for _ in 0..2 {
        follower.check();
        let (numbers, others) = settle(&mut follower, &short);
        assert!(numbers.is_empty());
        assert!(others[0].contains("ends with event 4, and was read up to 9"), "{others:?}");
    }
    follower.look_again();
    assert!(settle(&mut follower, &long).0.is_empty());
}

#[test]
fn a_position_behind_the_end_of_the_journal_is_told() {
    let relay = relay(4);
    let position = Position { journal: relay.journal, seq: Seq(40) };
    let mut follower = Follower::new(&config(&[], Start::Now), Some(position));
    let (_, others) = settle(&mut follower, &relay);
    assert!(others[0].contains("event 4, before the position 40"), "{others:?}");
    assert_eq!(others.len(), 1, "not caught up: {others:?}");
}

#[test]
fn live_events_beyond_the_journal_are_told() {
    let mut relay = relay(2);
    let mut follower = followed(&[], &relay);
    let stale = self::relay(2);
    (2..5).for_each(|number| relay.take("a.b.c", number));
    assert!(live(&mut follower, &relay, 5).0.is_empty());
    let (numbers, others) = settle(&mut follower, &stale);
    assert!(numbers.is_empty() && others[0].contains("a live event stands at"), "{others:?}");
    assert_eq!(settle(&mut follower, &relay).0, [0_u64; 0]);
    follower.check();
    assert_eq!(settle(&mut follower, &relay).0, [2, 3, 4]);
}

#[test]
fn a_note_whose_predecessor_lies_hides_nothing_from_who_reads_everything() {
    let mut relay = relay(2);
    let mut follower = followed(&[], &relay);
    (2..4).for_each(|number| relay.take("a.b.c", number));
    let id = EventId::parse("a.b.c").unwrap();
    relay.latest.values_mut().for_each(|seq| *seq = Seq(2));
    follower.on_live(b"a.b.c", &relay.frame(&id, 3, Seq(4)));
    assert!(told(follower.take_steps()).0.is_empty());
    assert_eq!(settle(&mut follower, &relay).0, [2, 3]);
}

#[test]
fn an_event_in_the_place_of_another_hides_it_only_until_it_comes_itself() {
    let mut relay = relay(2);
    let mut follower = Follower::new(&config(&[], Start::After(Seq(0))), None);
    let id = EventId::parse("a.b.c").unwrap();
    let (numbers, _) = lie(&mut follower, &relay, |answer| {
        answer.events[1] = Relay::new(1).frame(&id, 7, Seq(2));
    });
    assert_eq!(numbers, [0, 7]);
    relay.take("a.b.c", 7);
    assert!(live(&mut follower, &relay, 3).1[0].contains("event 3 was event 2 before"));
    assert_eq!(settle(&mut follower, &relay).0, [1]);
}

#[test]
fn without_replay_a_place_that_lies_hides_nothing() {
    let relay = relay(4);
    let config = SubscriptionConfig { replay: None, ..config(&[], Start::Now) };
    let mut follower = Follower::new(&config, None);
    assert_eq!(live(&mut follower, &relay, 1).0, [0]);
    let id = EventId::parse("a.b.c").unwrap();
    follower.on_live(b"a.b.c", &relay.frame(&id, 9, Seq(1 << 63)));
    let (numbers, others) = told(follower.take_steps());
    assert_eq!(numbers, [9]);
    assert!(others[0].starts_with("Lost"), "{others:?}");
    assert_eq!(live(&mut follower, &relay, 2).0, [1]);
    assert_eq!(live(&mut follower, &relay, 3).0, [2]);
}

#[test]
fn a_time_in_the_future_skips_nothing_of_another_journal() {
    let mut relay = relay(1);
    let id = EventId::parse("a.b.c").unwrap();
    let frame = String::from_utf8(relay.frame(&id, 1, Seq(2))).unwrap();
    relay.frames.push((id, frame.replace("2026-01-01", "9000-01-01").into_bytes()));
    let clock = || "2026-11-23T16:00:00Z".parse().unwrap();
    let config = SubscriptionConfig { clock, ..config(&["a.b.c"], Start::After(Seq(0))) };
    let mut follower = Follower::new(&config, None);
    assert_eq!(settle(&mut follower, &relay).0, [0, 1]);
    follower.look_again();
    let other = Relay::new(2);
    for _ in 0..2 {
        lie(&mut follower, &other, |_| {});
    }
    let Some(Request::Read(Read { from: From::Since(since), .. })) = follower.wanted() else {
        panic!("{:?}", follower.wanted());
    };
    assert_eq!(since, "2026-11-23T16:00:00.000000Z");
}
