//! Workers and a homeserver that does as it is told. Time is Tokio's, which stands still while
//! anything is at work: no test waits, and pauses are exact.

mod world;

use anyhow::anyhow;
use serde_json::Value as Json;

use self::world::{Asked, Call, DEVICE, ROOM, Reply, World, at, settings};
use super::*;
use crate::{
    compose::{MARK, Mark, MessageKind, MessageType, NewMessage, message, plain_body},
    store::{Store, StoreError},
};

fn told(number: u64) -> String {
    format!("org.example.thing.happened: number={number}")
}

fn sends(log: &[Call]) -> usize {
    log.iter().filter(|call| matches!(call.what, Asked::Send { .. })).count()
}

fn unavailable() -> SendError {
    SendError::Unavailable(anyhow!("connection refused"))
}

fn refused() -> SendError {
    SendError::Refused(anyhow!("M_TOO_LARGE: event too large"))
}

fn closed() -> SendError {
    SendError::Closed(anyhow!("M_FORBIDDEN: not in the room"))
}

fn logged_out() -> SendError {
    SendError::LoggedOut(anyhow!("M_UNKNOWN_TOKEN"))
}

#[tokio::test(start_paused = true)]
async fn messages_are_sent_in_the_order_of_the_events() {
    let world = World::new();
    world.arrive(1..=5);
    world.run(world.idle()).await;
    assert_eq!(world.texts(), (1..=5).map(told).collect::<Vec<_>>());
    let state = world.store.lock().room(ROOM).unwrap();
    assert_eq!((state.unsent, state.set_aside), (0, 0));
    assert!(state.last_sent.is_some());
    assert_eq!(world.finds(), []);
}

#[tokio::test(start_paused = true)]
async fn the_bot_goes_into_the_room_before_there_is_anything_to_post() {
    let world = World::new();
    world.run(world.logged(|log| !log.is_empty())).await;
    assert_eq!(world.homeserver.log.borrow()[0].what, Asked::Enter);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_the_worker_sleeps_wakes_it() {
    let world = World::new();
    let later = async {
        world.logged(|log| !log.is_empty()).await;
        tokio::time::advance(Duration::from_secs(10)).await;
        world.arrive(1..=1);
        world.logged(|log| sends(log) == 1).await;
    };
    world.run(later).await;
    assert_eq!(world.seconds(), [10]);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_homeserver_is_tried_ever_more_rarely_with_the_same_transaction_id() {
    let world = World::new();
    world.arrive(1..=2);
    world.sends_answer((0..7).map(|_| Err(unavailable())));
    world.run(world.idle()).await;
    assert_eq!(world.seconds(), [0, 1, 3, 7, 15, 30, 45, 60, 60]);
    let sent = world.sent();
    assert!(sent[..8].iter().all(|(_, txn, _)| *txn == sent[0].1), "{sent:?}");
    assert_ne!(sent[8].1, sent[0].1);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_kept_to_the_millisecond() {
    let world = World::new();
    world.arrive(1..=1);
    let pause = Duration::from_millis(12_345);
    world.sends_answer([Err(SendError::Limited(pause)), Err(SendError::Limited(pause))]);
    world.run(world.logged(|log| sends(log) == 3)).await;
    let times: Vec<Duration> = world.sent().into_iter().map(|(after, _, _)| after).collect();
    for pair in times.windows(2) {
        let waited = pair[1].checked_sub(pair[0]).unwrap();
        assert!(waited >= pause && waited < pause + Duration::from_millis(10), "{waited:?}");
    }
    assert!(world.sent().iter().all(|(_, txn, _)| *txn == world.sent()[0].1));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_for_all_rooms() {
    let world = World::new();
    world.pause.extend(Duration::from_secs(90));
    world.arrive(1..=1);
    world.run(world.logged(|log| sends(log) == 1)).await;
    assert!((90..=91).contains(&world.seconds()[0]), "{:?}", world.seconds());
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_of_a_year_is_not_believed() {
    let world = World::new();
    world.arrive(1..=1);
    world.sends_answer([Err(SendError::Limited(Duration::from_hours(24 * 365)))]);
    world.run(world.logged(|log| sends(log) == 2)).await;
    assert!((600..=601).contains(&world.seconds()[1]), "{:?}", world.seconds());
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_of_a_year_is_not_believed_at_the_door_either() {
    let world = World::new();
    let year = Duration::from_hours(24 * 365);
    world.homeserver.enters.lock().unwrap().push_back(SendError::Limited(year));
    world.run(world.logged(|log| log.len() == 2)).await;
    assert!(world.homeserver.log.borrow()[1].after <= Duration::from_mins(11));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_refused_is_set_aside_and_the_next_one_is_sent() {
    let world = World::new();
    world.arrive(1..=2);
    world.sends_answer([Err(refused())]);
    world.run(world.idle()).await;
    assert_eq!(world.texts(), [told(1), told(2)]);
    let state = world.store.lock().room(ROOM).unwrap();
    assert_eq!((state.unsent, state.set_aside), (0, 1));
    assert_eq!(world.seconds(), [0, 0], "nothing is to be waited for");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_closed_is_tried_again_until_it_opens() {
    let world = World::new();
    world.arrive(1..=1);
    world.sends_answer([Err(closed()), Err(closed())]);
    world.run(world.idle()).await;
    assert_eq!(world.seconds(), [0, 30, 60]);
    assert_eq!(world.store.lock().room(ROOM).unwrap().set_aside, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_for_a_room_that_nobody_lets_us_into_waits_and_is_not_composed() {
    let world = World::new();
    world.arrive(1..=30);
    world.homeserver.enters.lock().unwrap().extend((0..4).map(|_| closed()));
    world.run(world.logged(|log| log.len() == 4)).await;
    let state = world.store.lock().room(ROOM).unwrap();
    assert_eq!((state.waiting, state.unsent), (30, 0));
    world.run(world.idle()).await;
    assert_eq!(world.texts().len(), 1, "{:?}", world.texts());
}

#[tokio::test(start_paused = true)]
async fn a_reload_looks_at_a_closed_room_at_once() {
    let world = World::new();
    world.arrive(1..=1);
    world.sends_answer([Err(closed())]);
    let reloading = async {
        world.logged(|log| sends(log) == 1).await;
        world.settings.send_replace(settings(""));
        world.logged(|log| sends(log) == 2).await;
    };
    world.run(reloading).await;
    assert_eq!(world.seconds(), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_account_is_logged_out_ends_and_loses_nothing() {
    let world = World::new();
    world.arrive(1..=2);
    world.sends_answer([Err(logged_out())]);
    let ended = world.run_to_the_end().await;
    assert!(matches!(ended, SinkError::LoggedOut(_)), "{ended:?}");
    let state = world.store.lock().room(ROOM).unwrap();
    assert_eq!((state.unsent, state.set_aside), (1, 0));
    world.run(world.idle()).await;
    assert_eq!(world.texts(), [told(1), told(1), told(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_logged_out_at_the_door_ends_too() {
    let world = World::new();
    world.homeserver.enters.lock().unwrap().push_back(logged_out());
    assert!(matches!(world.run_to_the_end().await, SinkError::LoggedOut(_)));
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_database_fails_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mirk.sqlite");
    let world = World::with("", Store::open(&path).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("ALTER TABLE message RENAME TO lost").unwrap();
    let ended = world.run_to_the_end().await;
    assert!(matches!(ended, SinkError::Store(StoreError::Database(_))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_a_message_is_on_its_way_sends_it_again_as_the_same_one() {
    let world = World::new();
    world.arrive(1..=1);
    world.homeserver.sends.lock().unwrap().push_back(Reply::Silence);
    world.run(world.logged(|log| sends(log) == 1)).await;
    world.run(world.idle()).await;
    let sent = world.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].1, sent[1].1);
    assert_eq!(world.finds(), [], "the homeserver knows the transaction id");
}

/// A message that was tried at the start, by this device, and of which nobody knows what became.
async fn tried_before(device: &str) -> World {
    let world = World::new();
    world.arrive(1..=1);
    world.homeserver.sends.lock().unwrap().push_back(Reply::Silence);
    world.run(world.logged(|log| sends(log) == 1)).await;
    let row = world.store.lock().pending(ROOM).unwrap().unwrap().row;
    world.store.lock().attempting(row, device, at(0)).unwrap();
    world
}

fn find_answers(
    world: &World,
    answers: impl IntoIterator<Item = Result<Option<String>, SendError>>,
) {
    world.homeserver.finds.lock().unwrap().extend(answers);
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_within_a_day_is_sent_again_without_looking() {
    let world = tried_before(DEVICE).await;
    tokio::time::advance(Duration::from_hours(19)).await;
    world.run(world.idle()).await;
    assert_eq!((world.sent().len(), world.finds()), (2, vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_long_ago_and_has_arrived_is_not_sent_again() {
    let world = tried_before(DEVICE).await;
    tokio::time::advance(Duration::from_hours(21)).await;
    find_answers(&world, [Ok(Some("$arrived".to_owned()))]);
    world.run(world.idle()).await;
    assert_eq!((world.sent().len(), world.finds()), (1, vec![at(0)]));
    assert!(world.store.lock().is_sent("$arrived").unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_long_ago_and_has_not_arrived_is_sent_again_as_the_same_one() {
    let world = tried_before(DEVICE).await;
    tokio::time::advance(Duration::from_hours(21)).await;
    find_answers(&world, [Ok(None)]);
    world.run(world.idle()).await;
    let sent = world.sent();
    assert_eq!((sent.len(), world.finds().len()), (2, 1));
    assert_eq!(sent[0].1, sent[1].1);
}

#[tokio::test(start_paused = true)]
async fn what_another_device_tried_is_looked_for_first() {
    for (answer, sent) in [(Some("$arrived".to_owned()), 1), (None, 2)] {
        let world = tried_before("ANOTHER").await;
        find_answers(&world, [Ok(answer)]);
        world.run(world.idle()).await;
        assert_eq!((world.sent().len(), world.finds()), (sent, vec![at(0)]));
    }
}

#[tokio::test(start_paused = true)]
async fn as_long_as_nobody_knows_whether_a_message_arrived_it_is_not_sent() {
    let world = tried_before("ANOTHER").await;
    find_answers(&world, [Err(unavailable()), Err(closed()), Err(unavailable()), Ok(None)]);
    world.run(world.idle()).await;
    assert_eq!((world.sent().len(), world.finds().len()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_lost_on_the_way_as_a_new_device_is_looked_for_each_time() {
    let world = tried_before("ANOTHER").await;
    find_answers(&world, [Ok(None), Ok(Some("$arrived".to_owned()))]);
    world.sends_answer([Err(unavailable())]);
    world.run(world.idle()).await;
    assert_eq!((world.sent().len(), world.finds().len()), (2, 2));
    assert!(world.store.lock().is_sent("$arrived").unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_muted_gets_nothing_and_afterwards_a_summary() {
    let world = World::new();
    world.store.lock().mute(ROOM, Some(at(3_600))).unwrap();
    world.arrive(1..=3);
    world.run(world.idle()).await;
    let sent = world.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].0 >= Duration::from_hours(1), "{sent:?}");
    assert!(sent[0].0 < Duration::from_secs(3_602), "{sent:?}");
    assert!(sent[0].2.starts_with("3 "), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_no_longer_muted_gets_what_waited_at_once() {
    let world = World::new();
    world.store.lock().mute(ROOM, Some(at(3_600))).unwrap();
    world.arrive(1..=3);
    let unmuting = async {
        world.logged(|log| !log.is_empty()).await;
        tokio::time::advance(Duration::from_secs(10)).await;
        world.store.with(|store| store.mute(ROOM, None)).await.unwrap();
        world.changes.send_modify(|count| *count += 1);
        world.logged(|log| sends(log) == 1).await;
    };
    world.run(unmuting).await;
    assert_eq!(world.seconds(), [10]);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_answered_in_a_room_that_is_muted() {
    let world = World::new();
    world.store.lock().mute(ROOM, Some(at(3_600))).unwrap();
    world.arrive(1..=3);
    let txn = "mirk-answer".to_owned();
    let mark = Mark { txn: &txn, events: Vec::new() };
    let content = message(MessageType::Notice, &plain_body("Muted for 1 h."), &mark);
    let kind = MessageKind::Answer;
    let answer = NewMessage { kind, txn, content, entries: Vec::new(), begins: None };
    world.store.lock().say(ROOM, &answer, at(0)).unwrap();
    world.run(world.logged(|log| sends(log) == 1)).await;
    assert_eq!(world.texts(), ["Muted for 1 h."]);
    assert_eq!(world.seconds(), [0]);
}

#[tokio::test(start_paused = true)]
async fn quiet_hours_hold_what_comes_until_they_end() {
    // The clock begins at 08:00 UTC.
    let world = World::with(
        "quiet_hours = { from = \"07:00\", to = \"10:00\" }",
        Store::in_memory().unwrap(),
    );
    assert_eq!(at(0).to_string(), "2027-01-15T08:00:00Z");
    world.arrive(1..=2);
    world.run(world.idle()).await;
    let sent = world.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!((7_200..7_202).contains(&sent[0].0.as_secs()), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_ends_quiet_hours_ends_the_wait() {
    let world = World::with(
        "quiet_hours = { from = \"07:00\", to = \"10:00\" }",
        Store::in_memory().unwrap(),
    );
    world.arrive(1..=2);
    let reloading = async {
        world.logged(|log| !log.is_empty()).await;
        tokio::time::advance(Duration::from_secs(10)).await;
        world.settings.send_replace(settings(""));
        world.logged(|log| sends(log) >= 1).await;
    };
    world.run(reloading).await;
    assert_eq!(world.seconds()[0], 10);
}

#[tokio::test(start_paused = true)]
async fn a_flood_becomes_a_few_messages_in_which_everything_is() {
    let world = World::with("limits = { burst = 2, per_minute = 6 }", Store::in_memory().unwrap());
    world.arrive(1..=1_200);
    world.run(world.idle()).await;
    let sent = world.sent();
    assert_eq!(sent.len(), 3, "{:?}", world.seconds());
    let told: usize = world
        .homeserver
        .log
        .borrow()
        .iter()
        .filter_map(|call| match &call.what {
            Asked::Send { content, .. } => serde_json::from_str::<Json>(content).ok(),
            _ => None,
        })
        .filter_map(|content| Some(content[MARK]["events"].as_array()?.len()))
        .sum();
    assert_eq!(told, 1_200);
}
