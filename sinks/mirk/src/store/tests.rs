//! The three transactions, one after the other. Files, and what people ask for, have files of their
//! own.

mod asked;
mod files;

use jiff::SignedDuration;
use laniakea_catalog::{Phrase, Stage};
use laniakea_event::Seq;
use laniakea_wire::subscription::{CursorStore as _, Position};
use uuid::Uuid;

use super::*;
use crate::{
    compose::{Body, Budget, Limits, MessageKind, MessageType, NewMessage, StoryStyle, Style},
    describe::Described,
};

const ROOM: &str = "#archive:example.org";
const OTHER: &str = "#other:example.org";
const ROOM_ID: &str = "!archive:example.org";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn days(days: i64) -> Timestamp {
    at(days * 86_400)
}

fn digest(number: u64) -> laniakea_event::Digest {
    laniakea_event::Digest::of(&number.to_le_bytes())
}

fn event(number: u64) -> Described {
    Described {
        digest: digest(number),
        seq: Some(Seq(number)),
        id: "_lk.archive.package-upload-accepted".to_owned(),
        time: "2026-11-25T10:02:03Z".to_owned(),
        signers: "archive-01".to_owned(),
        problem: None,
        package: Some(format!("package-{number}")),
        text: format!("package-{number} accepted"),
        html: format!("<b>package-{number}</b> accepted"),
        links: Vec::new(),
        plural: Phrase {
            text: "packages accepted".to_owned(),
            html: "packages accepted".to_owned(),
        },
        subject: Some(format!("package-{number}")),
        stage: None,
    }
}

fn step(number: u64, job: &str) -> Described {
    let (name, key) = ("job".to_owned(), format!("[\"{job}\"]"));
    Described { stage: Some(Stage { name, key, is_last: false }), ..event(number) }
}

fn arrival(event: Described, rooms: &[&str]) -> Arrival {
    let wanted = |room: &&str| Wanted { room: (*room).to_owned(), rule: "the rule".to_owned() };
    Arrival { event, wanted: rooms.iter().map(wanted).collect() }
}

fn arrivals(numbers: impl IntoIterator<Item = u64>) -> Vec<Arrival> {
    numbers.into_iter().map(|number| arrival(event(number), &[ROOM])).collect()
}

fn journal(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn position(journal_number: u128, seq: u64) -> Position {
    Position { journal: journal(journal_number), seq: Seq(seq) }
}

fn style(room: &str, stories: StoryStyle) -> Style {
    Style {
        room: room.to_owned(),
        prefix: String::new(),
        msgtype: MessageType::Notice,
        stories,
        limits: Limits {
            burst: 3,
            per_minute: 6,
            digest_after: SignedDuration::from_secs(30),
            digest: true,
        },
        events_url: None,
    }
}

fn store() -> Store {
    Store::in_memory().unwrap()
}

/// Composes what is next, later than anything waits for.
fn compose_in(store: &mut Store, room: &str, room_id: Option<&str>) -> Composed {
    let style = style(room, StoryStyle::Edit);
    store.compose(&style, room_id, &mut Budget::default(), at(3_600)).unwrap()
}

/// Composes and sends everything that waits for the room: the texts, with what each message is.
fn post_in(store: &mut Store, room: &str, room_id: &str) -> Vec<(String, String)> {
    let mut posted = Vec::new();
    while compose_in(store, room, Some(room_id)) == Composed::Messages {
        while let Some(message) = store.pending(room).unwrap() {
            let event_id = format!("${}", message.txn);
            store.sent(message.row, room_id, &event_id, at(3_600)).unwrap();
            posted.push((kind_of(store, message.row), text_of(&message)));
        }
    }
    posted
}

fn post(store: &mut Store) -> Vec<(String, String)> {
    post_in(store, ROOM, ROOM_ID)
}

fn text_of(message: &Pending) -> String {
    let content: serde_json::Value = serde_json::from_str(&message.content).unwrap();
    content["body"].as_str().unwrap().to_owned()
}

fn kind_of(store: &Store, row: i64) -> String {
    let sql = "SELECT kind FROM message WHERE id = ?";
    store.connection.query_row(sql, [row], |row| row.get(0)).unwrap()
}

fn count(store: &Store, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    store.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn kinds(posted: &[(String, String)]) -> Vec<&str> {
    posted.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[test]
fn events_are_kept_with_the_position_behind_them() {
    let mut store = store();
    assert_eq!(store.position().unwrap(), None);
    let added = store.take(&arrivals(1..=3), Some(position(1, 3)), at(0)).unwrap();
    assert_eq!(added, 3);
    assert_eq!(store.position().unwrap(), Some(position(1, 3)));
    assert_eq!(store.room(ROOM).unwrap().waiting, 3);
}

#[test]
fn when_an_event_cannot_be_kept_neither_are_its_batch_nor_the_position() {
    let mut store = store();
    store.take(&arrivals([1]), Some(position(1, 1)), at(0)).unwrap();
    store
        .connection
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON entry WHEN NEW.rule = 'bad'
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let mut batch = arrivals([2, 3]);
    batch[1].wanted[0].rule = "bad".to_owned();
    assert!(matches!(
        store.take(&batch, Some(position(1, 3)), at(1)),
        Err(StoreError::Database(_))
    ));
    assert_eq!(store.position().unwrap(), Some(position(1, 1)));
    assert_eq!((count(&store, "event"), count(&store, "handled")), (1, 1));

    batch[1].wanted[0].rule = "good".to_owned();
    assert_eq!(store.take(&batch, Some(position(1, 3)), at(2)).unwrap(), 2);
}

#[test]
fn an_event_that_comes_again_is_passed_over_and_moves_the_position() {
    let mut store = store();
    store.take(&arrivals([1, 2, 1]), Some(position(1, 2)), at(0)).unwrap();
    assert_eq!(store.room(ROOM).unwrap().waiting, 2);
    let again = [arrival(event(1), &[ROOM, OTHER])];
    assert_eq!(store.take(&again, Some(position(1, 5)), at(1)).unwrap(), 0);
    assert_eq!(store.room(OTHER).unwrap().waiting, 0);
    assert_eq!(store.position().unwrap(), Some(position(1, 5)));
}

#[test]
fn an_event_for_several_rooms_waits_in_each() {
    let mut store = store();
    assert_eq!(store.take(&[arrival(event(1), &[ROOM, OTHER])], None, at(0)).unwrap(), 2);
    assert_eq!(post(&mut store).len(), 1);
    assert_eq!(store.room(OTHER).unwrap().waiting, 1);
    assert_eq!(post_in(&mut store, OTHER, "!other").len(), 1);
}

#[test]
fn an_event_that_no_room_wanted_is_for_one_that_wants_it_later() {
    let mut store = store();
    assert_eq!(store.take(&[arrival(event(1), &[])], None, at(0)).unwrap(), 0);
    assert_eq!(count(&store, "handled"), 0);
    let anew = Described { text: "told anew".to_owned(), ..event(1) };
    assert_eq!(store.take(&[arrival(anew, &[ROOM])], None, at(1)).unwrap(), 1);
    assert_eq!(count(&store, "event"), 1);
    assert_eq!(post(&mut store)[0].1, "told anew");
}

#[test]
fn an_event_is_never_told_again_even_when_everything_of_it_is_gone() {
    let mut store = store();
    store.take(&arrivals([1]), None, at(0)).unwrap();
    assert_eq!(post(&mut store).len(), 1);
    // Events are only forgotten beyond so many newer ones.
    store.take(&[arrival(event(2), &[])], None, at(0)).unwrap();
    store.connection.execute("UPDATE event SET id = 50000 WHERE id = 2", []).unwrap();
    store.prune(days(200)).unwrap();
    assert_eq!(store.event(&digest(1)).unwrap(), None);
    assert_eq!((count(&store, "entry"), count(&store, "message")), (0, 0));

    assert_eq!(store.take(&arrivals([1]), None, days(200)).unwrap(), 0);
    assert_eq!(post(&mut store), []);
}

#[test]
fn the_position_never_goes_back_within_a_journal_and_changes_with_the_journal() {
    let mut store = store();
    for (moved, expected) in [
        (position(1, 7), position(1, 7)),
        (position(1, 3), position(1, 7)),
        (position(1, 8), position(1, 8)),
        (position(2, 1), position(2, 1)),
        (position(2, u64::MAX), position(2, u64::try_from(i64::MAX).unwrap())),
        (position(1, 0), position(1, 0)),
    ] {
        store.take(&[], Some(moved), at(0)).unwrap();
        assert_eq!(store.position().unwrap(), Some(expected));
    }
    store.take(&arrivals([1]), None, at(0)).unwrap();
    assert_eq!(store.position().unwrap(), Some(position(1, 0)));
}

#[test]
fn the_cursor_of_the_subscription_is_the_same_position() {
    let shared = SharedStore::new(store());
    let mut cursor = StoreCursor(shared.clone());
    assert_eq!(cursor.load().unwrap(), None);
    cursor.save(position(1, 4)).unwrap();
    cursor.save(position(1, 2)).unwrap();
    assert_eq!(cursor.load().unwrap(), Some(position(1, 4)));
    assert_eq!(shared.lock().position().unwrap(), Some(position(1, 4)));
}

#[test]
fn a_position_that_is_damaged_is_an_error_and_no_beginning() {
    let store = store();
    store.connection.execute("INSERT INTO cursor VALUES (1, 'nonsense', 1)", []).unwrap();
    assert!(matches!(store.position(), Err(StoreError::Position(_))));
    assert!(StoreCursor(SharedStore::new(store)).load().is_err());
}

#[test]
fn what_waits_becomes_messages_that_stay_as_they_are() {
    let mut store = store();
    store.take(&arrivals(1..=2), None, at(0)).unwrap();
    assert_eq!(compose_in(&mut store, ROOM, None), Composed::Messages);
    let first = store.pending(ROOM).unwrap().unwrap();
    assert_eq!(text_of(&first), "package-1 accepted");
    assert_eq!(first.attempted, None);
    // The event is described otherwise, and the message is not.
    store.connection.execute("UPDATE event SET text = 'x'", []).unwrap();
    let again = store.pending(ROOM).unwrap().unwrap();
    assert_eq!((&again.txn, &again.content), (&first.txn, &first.content));
    let state = store.room(ROOM).unwrap();
    assert_eq!((state.waiting, state.unsent), (1, 1));
}

#[test]
fn nothing_that_waits_is_nothing_and_too_early_is_later() {
    let mut store = store();
    assert_eq!(compose_in(&mut store, ROOM, None), Composed::Nothing);
    store.take(&arrivals(1..=4), None, at(0)).unwrap();
    let style = style(ROOM, StoryStyle::Edit);
    let composed = store.compose(&style, None, &mut Budget::default(), at(1)).unwrap();
    assert_eq!(composed, Composed::Later(at(30)));
    assert_eq!(store.room(ROOM).unwrap().waiting, 4);
    assert_eq!(compose_in(&mut store, OTHER, None), Composed::Nothing);
}

#[test]
fn a_message_with_the_same_transaction_id_is_kept_once() {
    let mut store = store();
    let message = |text: &str| NewMessage {
        kind: MessageKind::Answer,
        txn: "mirk-answer".to_owned(),
        content: crate::compose::message(
            MessageType::Notice,
            &Body::plain(text),
            &crate::compose::Mark { txn: "mirk-answer", events: Vec::new() },
        ),
        entries: Vec::new(),
        begins: None,
    };
    store.say(ROOM, &message("first"), at(0)).unwrap();
    store.say(ROOM, &message("second"), at(1)).unwrap();
    let pending = store.pending(ROOM).unwrap().unwrap();
    assert_eq!(text_of(&pending), "first");
    store.sent(pending.row, ROOM_ID, "$1", at(2)).unwrap();
    store.say(ROOM, &message("third"), at(3)).unwrap();
    assert!(store.pending(ROOM).unwrap().is_none());
}

#[test]
fn messages_are_pending_in_the_order_in_which_they_were_made() {
    let mut store = store();
    store.take(&[arrival(step(1, "a"), &[ROOM])], None, at(0)).unwrap();
    post(&mut store);
    store.take(&[arrival(step(2, "a"), &[ROOM])], None, at(1)).unwrap();
    assert_eq!(compose_in(&mut store, ROOM, Some(ROOM_ID)), Composed::Messages);
    let mut pending = Vec::new();
    while let Some(message) = store.pending(ROOM).unwrap() {
        pending.push(kind_of(&store, message.row));
        store.sent(message.row, ROOM_ID, "$x", at(2)).unwrap();
    }
    assert_eq!(pending, ["edit", "thread"]);
}

#[test]
fn what_was_tried_says_when_and_as_which_device() {
    let mut store = store();
    store.take(&arrivals([1]), None, at(0)).unwrap();
    compose_in(&mut store, ROOM, None);
    let row = store.pending(ROOM).unwrap().unwrap().row;
    store.attempting(row, "DEVICE", at(5)).unwrap();
    let pending = store.pending(ROOM).unwrap().unwrap();
    assert_eq!(pending.attempted, Some((at(5), "DEVICE".to_owned())));
}

#[test]
fn what_the_homeserver_refuses_is_set_aside_and_the_next_message_is_pending() {
    let mut store = store();
    store.take(&arrivals([1, 2]), None, at(0)).unwrap();
    compose_in(&mut store, ROOM, None);
    compose_in(&mut store, ROOM, None);
    let first = store.pending(ROOM).unwrap().unwrap();
    store.set_aside(first.row, "too large").unwrap();
    let next = store.pending(ROOM).unwrap().unwrap();
    assert_eq!(text_of(&next), "package-2 accepted");
    assert_eq!(store.room(ROOM).unwrap().set_aside, 1);
    store.prune(days(1_000)).unwrap();
    assert_eq!(store.room(ROOM).unwrap().set_aside, 1, "it is kept until somebody looks");
}

#[test]
fn a_story_goes_on_in_its_message() {
    let mut store = store();
    store
        .take(&[arrival(step(1, "a"), &[ROOM]), arrival(step(2, "b"), &[ROOM])], None, at(0))
        .unwrap();
    assert_eq!(kinds(&post(&mut store)), ["single", "single"]);
    store
        .take(&[arrival(step(3, "a"), &[ROOM]), arrival(step(4, "a"), &[ROOM])], None, at(0))
        .unwrap();
    let posted = post(&mut store);
    assert_eq!(kinds(&posted), ["edit", "thread"]);
    assert_eq!(posted[0].1, "* package-4 accepted");
    assert_eq!(posted[1].1.lines().count(), 3, "with what the message said first: {}", posted[1].1);
    store.take(&[arrival(step(5, "a"), &[ROOM])], None, at(0)).unwrap();
    assert_eq!(post(&mut store)[1].1, "2026-11-25 10:02Z package-5 accepted");
}

#[test]
fn a_thread_begins_with_the_first_step_even_if_a_digest_told_of_earlier_ones() {
    let mut store = store();
    let many: Vec<Arrival> = (1..=4).map(|number| arrival(step(number, "a"), &[ROOM])).collect();
    store.take(&many, None, at(0)).unwrap();
    assert_eq!(kinds(&post(&mut store)), ["digest"]);
    store.take(&[arrival(step(5, "a"), &[ROOM])], None, at(0)).unwrap();
    assert_eq!(kinds(&post(&mut store)), ["single"]);
    store.take(&[arrival(step(6, "a"), &[ROOM])], None, at(0)).unwrap();
    let posted = post(&mut store);
    assert_eq!(
        posted[1].1,
        "2026-11-25 10:02Z package-5 accepted\n2026-11-25 10:02Z package-6 accepted"
    );
}

#[test]
fn a_story_whose_message_is_in_another_room_begins_anew() {
    let mut store = store();
    store.take(&[arrival(step(1, "a"), &[ROOM])], None, at(0)).unwrap();
    post(&mut store);
    store.take(&[arrival(step(2, "a"), &[ROOM])], None, at(0)).unwrap();
    let posted = post_in(&mut store, ROOM, "!upgraded:example.org");
    assert_eq!(kinds(&posted), ["single"]);
    store.take(&[arrival(step(3, "a"), &[ROOM])], None, at(0)).unwrap();
    let posted = post_in(&mut store, ROOM, "!upgraded:example.org");
    assert_eq!(kinds(&posted), ["edit", "thread"]);
    assert_eq!(posted[1].1.lines().count(), 2, "the new thread begins anew, too: {}", posted[1].1);
}

#[test]
fn a_story_of_one_room_is_none_of_another() {
    let mut store = store();
    store.take(&[arrival(step(1, "a"), &[ROOM])], None, at(0)).unwrap();
    post(&mut store);
    store.take(&[arrival(step(2, "a"), &[OTHER])], None, at(0)).unwrap();
    assert_eq!(kinds(&post_in(&mut store, OTHER, ROOM_ID)), ["single"]);
}

#[test]
fn a_story_whose_message_was_refused_begins_anew() {
    let mut store = store();
    store.take(&[arrival(step(1, "a"), &[ROOM])], None, at(0)).unwrap();
    compose_in(&mut store, ROOM, Some(ROOM_ID));
    store.set_aside(store.pending(ROOM).unwrap().unwrap().row, "no").unwrap();
    store.take(&[arrival(step(2, "a"), &[ROOM])], None, at(0)).unwrap();
    assert_eq!(kinds(&post(&mut store)), ["single"]);
}

#[test]
fn what_cannot_be_composed_waits_on() {
    let mut store = store();
    store.take(&arrivals([1]), None, at(0)).unwrap();
    store
        .connection
        .execute_batch(
            "CREATE TRIGGER full BEFORE UPDATE ON entry
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .unwrap();
    let style = style(ROOM, StoryStyle::Edit);
    let composed = store.compose(&style, None, &mut Budget::default(), at(1));
    assert!(matches!(composed, Err(StoreError::Database(_))));
    assert_eq!((count(&store, "message"), store.room(ROOM).unwrap().waiting), (0, 1));
}

#[test]
fn pruning_keeps_what_waits_and_what_is_new_and_the_stories_in_it() {
    let mut store = store();
    store
        .take(&[arrival(step(1, "a"), &[ROOM]), arrival(event(2), &[OTHER])], None, at(0))
        .unwrap();
    post(&mut store);
    store.prune(days(80)).unwrap();
    assert_eq!((count(&store, "message"), count(&store, "story")), (1, 1));
    store.prune(days(100)).unwrap();
    assert_eq!((count(&store, "message"), count(&store, "story")), (0, 0));
    assert_eq!(store.room(OTHER).unwrap().waiting, 1);
    assert_eq!(count(&store, "event"), 2, "the newest events are kept");
    store.connection.execute("UPDATE event SET id = id + 50000 WHERE id > 2", []).unwrap();
    assert_eq!(kinds(&post_in(&mut store, OTHER, "!other")), ["single"]);
    store.take(&[arrival(step(3, "a"), &[ROOM])], None, days(100)).unwrap();
    assert_eq!(kinds(&post(&mut store)), ["single"]);
}

#[test]
fn pruning_a_message_that_waits_to_be_sent_loses_nothing() {
    let mut store = store();
    store.take(&arrivals([1]), None, at(0)).unwrap();
    compose_in(&mut store, ROOM, None);
    store.prune(days(1_000)).unwrap();
    assert_eq!(text_of(&store.pending(ROOM).unwrap().unwrap()), "package-1 accepted");
}

#[test]
fn what_came_while_a_room_was_left_alone_is_marked_and_no_more_than_that() {
    let mut store = store();
    store
        .take(&[arrival(event(1), &[ROOM, OTHER]), arrival(event(2), &[ROOM])], None, at(0))
        .unwrap();
    store.hold(ROOM).unwrap();
    store.hold(ROOM).unwrap();
    let held = "SELECT group_concat(room || held, ' ') FROM entry";
    let held: String = store.connection.query_row(held, [], |row| row.get(0)).unwrap();
    assert_eq!(held, format!("{ROOM}1 {OTHER}0 {ROOM}1"));
    assert_eq!(kinds(&post(&mut store)), ["digest"]);
    store.take(&arrivals([3, 4]), None, at(0)).unwrap();
    assert_eq!(kinds(&post(&mut store)), ["single", "single"]);
}
