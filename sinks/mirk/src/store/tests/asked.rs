//! What people ask for: history, mutes, rules by command; and what is known of the device.

use laniakea_filter::{Glob, Rule};

use super::*;

fn glob(pattern: &str) -> Glob {
    pattern.parse().unwrap()
}

fn rule(text: &str) -> Rule {
    text.parse().unwrap()
}

fn texts(happened: &[Happened]) -> Vec<&str> {
    happened.iter().map(|event| event.text.as_str()).collect()
}

#[test]
fn the_latest_events_come_newest_first_and_of_the_types_that_are_asked_for() {
    let mut store = store();
    let mut all = arrivals(1..=5);
    all[1].event.id = "_lk.spears.new-excuse".to_owned();
    all[4].wanted.clear();
    store.take(&all, None, at(0)).unwrap();
    assert_eq!(
        texts(&store.latest(&glob("_lk.archive.*"), 3).unwrap()),
        ["package-5 accepted", "package-4 accepted", "package-3 accepted"]
    );
    assert_eq!(texts(&store.latest(&glob("_lk.spears.*"), 3).unwrap()), ["package-2 accepted"]);
    assert_eq!(store.latest(&glob("org.*"), 3).unwrap(), []);
}

#[test]
fn events_about_a_package_are_those_of_exactly_that_name() {
    let mut store = store();
    let mut all = arrivals(1..=4);
    all[2].event.package = Some("package-1".to_owned());
    all[3].event.package = None;
    store.take(&all, None, at(0)).unwrap();
    let found = store.about("package-1", 9).unwrap();
    assert_eq!(texts(&found), ["package-3 accepted", "package-1 accepted"]);
    assert_eq!(store.about("package-1", 1).unwrap().len(), 1);
    for name in ["package-%", "PACKAGE-1", "' OR 1 --", ""] {
        assert_eq!(store.about(name, 9).unwrap(), [], "{name}");
    }
}

#[test]
fn an_event_is_found_by_its_digest() {
    let mut store = store();
    let doubtful = Described { problem: Some("unknown signer".to_owned()), ..event(1) };
    store.take(&[arrival(doubtful, &[])], None, at(0)).unwrap();
    let found = store.event(&digest(1)).unwrap().unwrap();
    assert_eq!((found.seq, found.problem.as_deref()), (Some(1), Some("unknown signer")));
    assert_eq!(found.signers, "archive-01");
    assert_eq!(store.event(&digest(2)).unwrap(), None);
    assert_eq!(store.trails(&digest(1)).unwrap(), []);
}

#[test]
fn a_trail_says_how_far_an_event_is_in_each_room() {
    let mut store = store();
    let rooms = ["#a:x", "#b:x", "#c:x", "#d:x"];
    store.take(&[arrival(event(1), &rooms)], None, at(0)).unwrap();
    for room in &rooms[1..] {
        compose_in(&mut store, room, None);
    }
    let row = |store: &Store, room| store.pending(room).unwrap().unwrap().row;
    store.sent(row(&store, "#c:x"), "!c", "$c", at(7)).unwrap();
    store.set_aside(row(&store, "#d:x"), "too large").unwrap();

    let trails = store.trails(&digest(1)).unwrap();
    let fates: Vec<(&str, &Fate)> =
        trails.iter().map(|trail| (trail.room.as_str(), &trail.fate)).collect();
    let sent = Fate::Sent { kind: "single".to_owned(), event_id: "$c".to_owned(), at: at(7) };
    assert_eq!(
        fates,
        [
            ("#a:x", &Fate::Waiting),
            ("#b:x", &Fate::Unsent("single".to_owned())),
            ("#c:x", &sent),
            ("#d:x", &Fate::SetAside("too large".to_owned())),
        ]
    );
    assert!(trails.iter().all(|trail| trail.rule == "the rule"));
}

#[test]
fn a_message_is_asked_for_the_events_that_it_tells_of() {
    let mut store = store();
    store.take(&arrivals(1..=4), None, at(0)).unwrap();
    post(&mut store);
    let digests = |trails: Vec<Trail>| -> Vec<_> {
        trails.into_iter().map(|trail| trail.event.digest).collect()
    };
    let Fate::Sent { event_id, kind, .. } = &store.trails(&digest(2)).unwrap()[0].fate else {
        panic!("it was sent");
    };
    assert_eq!(kind, "digest");
    let told = digests(store.told_by(event_id).unwrap());
    assert_eq!(told, (1..=4).map(digest).collect::<Vec<_>>());
    assert_eq!(store.told_by("$nothing").unwrap(), []);
    assert_eq!(store.told_by("").unwrap(), []);
}

#[test]
fn the_message_of_a_story_tells_of_all_its_steps_and_its_thread_of_some() {
    let mut store = store();
    store.take(&[arrival(step(1, "a"), &[ROOM, OTHER])], None, at(0)).unwrap();
    post(&mut store);
    store
        .take(&[arrival(step(2, "a"), &[ROOM]), arrival(step(3, "b"), &[ROOM])], None, at(0))
        .unwrap();
    post(&mut store);
    let message_of = |number| match &store.trails(&digest(number)).unwrap()[0].fate {
        Fate::Sent { event_id, .. } => event_id.clone(),
        other => panic!("it was not sent: {other:?}"),
    };
    let told = |event_id: &str| -> Vec<_> {
        let trails = store.told_by(event_id).unwrap();
        trails.into_iter().map(|trail| (trail.room, trail.event.digest)).collect()
    };
    let here = |number| (ROOM.to_owned(), digest(number));
    assert_eq!(told(&message_of(1)), [here(1), here(2)]);
    assert_eq!(told(&message_of(2)), [here(2)]);
}

#[test]
fn a_room_is_muted_and_no_longer() {
    let store = store();
    assert_eq!(store.muted_until(ROOM).unwrap(), None);
    store.mute(ROOM, Some(at(60))).unwrap();
    store.moved(ROOM, ROOM_ID).unwrap();
    assert_eq!(store.muted_until(ROOM).unwrap(), Some(at(60)));
    assert_eq!(store.room(ROOM).unwrap().muted_until, Some(at(60)));
    assert_eq!(store.muted_until(OTHER).unwrap(), None);
    store.mute(ROOM, None).unwrap();
    assert_eq!(store.muted_until(ROOM).unwrap(), None);
    assert_eq!(store.room(ROOM).unwrap().room_id.as_deref(), Some(ROOM_ID));
}

#[test]
fn a_room_that_moves_is_found_where_it_is_now() {
    let store = store();
    store.moved(ROOM, "!old").unwrap();
    store.moved(OTHER, "!old").unwrap();
    store.moved(ROOM, ROOM_ID).unwrap();
    assert_eq!(store.names_of(ROOM_ID).unwrap(), [ROOM]);
    assert_eq!(store.names_of("!old").unwrap(), [OTHER]);
    assert_eq!(store.names_of("!absent").unwrap(), [""; 0]);
    assert_eq!(store.room("#unknown:x").unwrap(), RoomState::default());
}

#[test]
fn a_room_says_when_it_had_its_last_message() {
    let mut store = store();
    store.take(&arrivals([1]), None, at(0)).unwrap();
    assert_eq!(store.room(ROOM).unwrap().last_sent, None);
    post(&mut store);
    let state = store.room(ROOM).unwrap();
    assert_eq!((state.waiting, state.unsent, state.last_sent), (0, 0, Some(at(3_600))));
}

#[test]
fn a_rule_by_command_is_kept_once_and_goes_by_its_number() {
    let store = store();
    let subscribe = |room: &str, text: &str| {
        store.subscribe(room, &rule(text), "@ada:example.org", at(0)).unwrap()
    };
    let Subscribed::Added(first) = subscribe(ROOM, "{ id = \"_lk.a.*\" }") else { panic!("new") };
    let Subscribed::Added(second) = subscribe(ROOM, "{ id = \"_lk.b.*\" }") else { panic!("new") };
    assert_eq!(subscribe(ROOM, "{ id = \"_lk.a.*\" }"), Subscribed::Known);
    assert!(matches!(subscribe(OTHER, "{ id = \"_lk.a.*\" }"), Subscribed::Added(_)));
    assert_eq!(store.rooms().unwrap(), [ROOM, OTHER]);

    let all = store.subscriptions().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(
        (all[0].id, all[0].room.as_str(), all[0].user.as_str()),
        (first, ROOM, "@ada:example.org")
    );
    assert_eq!(all[0].rule, rule("{ id = \"_lk.a.*\" }"));

    assert_eq!(store.unsubscribe(OTHER, Some(first)).unwrap(), 0, "a rule of another room");
    assert_eq!(store.unsubscribe(ROOM, Some(first)).unwrap(), 1);
    assert_eq!(store.unsubscribe(ROOM, Some(first)).unwrap(), 0);
    assert_eq!(store.unsubscribe(ROOM, None).unwrap(), 1);
    assert!(!store.subscriptions().unwrap().iter().any(|it| it.id == second));
    assert_eq!(store.subscriptions().unwrap().len(), 1);
    let Subscribed::Added(third) = subscribe(ROOM, "{ id = \"_lk.a.*\" }") else { panic!("new") };
    assert!(third > second, "numbers are never used twice");
}

#[test]
fn a_room_has_a_hundred_rules_by_command_at_most() {
    let store = store();
    let subscribe = |room: &str, number: usize| {
        let rule = rule(&format!("{{ id = \"_lk.x{number}\" }}"));
        store.subscribe(room, &rule, "@ada:example.org", at(0)).unwrap()
    };
    for number in 0..100 {
        assert!(matches!(subscribe(ROOM, number), Subscribed::Added(_)));
    }
    assert_eq!(subscribe(ROOM, 100), Subscribed::TooMany);
    assert!(matches!(subscribe(OTHER, 100), Subscribed::Added(_)));
    assert_eq!(store.unsubscribe(ROOM, None).unwrap(), 100);
}

#[test]
fn a_rule_that_this_version_cannot_read_is_passed_over() {
    let store = store();
    store.subscribe(ROOM, &rule("{ id = \"_lk.a.*\" }"), "@ada:example.org", at(0)).unwrap();
    let sql = "INSERT INTO subscription (room, rule, user, added) VALUES ('#x:x', '{ moon = 1 }', '@a:b', 0)";
    store.connection.execute(sql, []).unwrap();
    assert_eq!(store.subscriptions().unwrap().len(), 1);
}

#[test]
fn a_rule_by_command_goes_by_what_it_says_too() {
    let store = store();
    let subscribed = rule("{ id = \"_lk.a.*\" }");
    store.subscribe(ROOM, &subscribed, "@ada:example.org", at(0)).unwrap();
    assert_eq!(store.unsubscribe_rule(OTHER, &subscribed).unwrap(), 0);
    assert_eq!(store.unsubscribe_rule(ROOM, &rule("{ id = \"_lk.a\" }")).unwrap(), 0);
    assert_eq!(store.unsubscribe_rule(ROOM, &subscribed).unwrap(), 1);
    assert!(store.subscriptions().unwrap().is_empty());
}

#[test]
fn there_is_one_device_and_a_new_one_takes_its_place() {
    let store = store();
    assert_eq!(store.device().unwrap(), None);
    let device = Device {
        name: "DEVICE".to_owned(),
        machine: "machine".to_owned(),
        inode: 42,
        birth: 1_800_000_000_123_456_789,
        created: at(0),
    };
    store.note_device(&device).unwrap();
    assert_eq!(store.device().unwrap(), Some(device.clone()));
    let other = Device { name: "OTHER".to_owned(), inode: i64::MAX, ..device };
    store.note_device(&other).unwrap();
    assert_eq!(store.device().unwrap(), Some(other));
}

#[test]
fn what_the_homeserver_calls_our_messages_is_known() {
    let mut store = store();
    store.take(&arrivals([1]), None, at(0)).unwrap();
    compose_in(&mut store, ROOM, None);
    assert!(!store.is_sent("$1").unwrap());
    let row = store.pending(ROOM).unwrap().unwrap().row;
    store.sent(row, ROOM_ID, "$1", at(1)).unwrap();
    assert!(store.is_sent("$1").unwrap());
    assert!(!store.is_sent("").unwrap());
}

#[test]
fn what_waits_for_a_room_that_is_no_longer_configured_is_dropped() {
    let mut store = store();
    let both = [arrival(event(1), &[ROOM, OTHER]), arrival(event(2), &[OTHER])];
    store.take(&both, None, at(0)).unwrap();
    assert_eq!(store.keep_rooms(&[ROOM, OTHER]).unwrap(), 0);
    assert_eq!(store.keep_rooms(&[ROOM]).unwrap(), 2);
    assert_eq!(store.room(ROOM).unwrap().waiting, 1);
    assert_eq!(store.room(OTHER).unwrap().waiting, 0);
}
