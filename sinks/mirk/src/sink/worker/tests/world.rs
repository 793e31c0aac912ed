//! A worker's surroundings: a homeserver that does as it is told, and a clock that goes with Tokio's
//! time.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use laniakea_event::Seq;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::*;
use crate::{compose::MARK, config::Config, source::StreamEvent, store::Store};

pub(super) const ROOM: &str = "#archive:example.org";
const ROOM_ID: &str = "!archive:example.org";
pub(super) const DEVICE: &str = "DEVICE";

/// What the homeserver was asked, and how long after the start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) after: Duration,
    pub(super) what: Asked,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    Enter,
    Send { txn: String, content: String },
    Find { txn: String, since: Timestamp },
}

/// What a call gets. `Silence` is no answer at all.
pub(super) enum Reply<T> {
    Says(Result<T, SendError>),
    Silence,
}

pub(super) struct FakeHomeserver {
    device: String,
    start: Instant,
    pub(super) enters: Mutex<VecDeque<SendError>>,
    pub(super) sends: Mutex<VecDeque<Reply<&'static str>>>,
    pub(super) finds: Mutex<VecDeque<Result<Option<String>, SendError>>>,
    pub(super) log: watch::Sender<Vec<Call>>,
}

impl FakeHomeserver {
    fn note(&self, what: Asked) {
        let call = Call { after: self.start.elapsed(), what };
        self.log.send_modify(|log| log.push(call));
    }

    fn next<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
        queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Homeserver for FakeHomeserver {
    fn device(&self) -> &str {
        &self.device
    }

    async fn enter(&self, name: &str) -> Result<String, SendError> {
        assert_eq!(name, ROOM);
        self.note(Asked::Enter);
        Self::next(&self.enters).map_or(Ok(ROOM_ID.to_owned()), Err)
    }

    async fn send(&self, room_id: &str, txn: &str, content: &str) -> Result<String, SendError> {
        assert_eq!(room_id, ROOM_ID);
        self.note(Asked::Send { txn: txn.to_owned(), content: content.to_owned() });
        match Self::next(&self.sends) {
            None => Ok(format!("${txn}")),
            Some(Reply::Says(answer)) => answer.map(str::to_owned),
            Some(Reply::Silence) => std::future::pending().await,
        }
    }

    async fn find(
        &self,
        room_id: &str,
        txn: &str,
        since: Timestamp,
    ) -> Result<Option<String>, SendError> {
        assert_eq!(room_id, ROOM_ID);
        self.note(Asked::Find { txn: txn.to_owned(), since });
        Self::next(&self.finds).unwrap_or(Ok(None))
    }
}

/// Goes with Tokio's time.
pub(super) struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        at(0) + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// A worker's surroundings, which outlive it.
pub(super) struct World {
    pub(super) store: SharedStore,
    pub(super) homeserver: Arc<FakeHomeserver>,
    pub(super) settings: watch::Sender<Arc<Settings>>,
    pub(super) changes: watch::Sender<u64>,
    pub(super) pause: Pause,
    pub(super) clock: Arc<TokioClock>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with("", Store::in_memory().unwrap())
    }

    pub(super) fn with(more: &str, store: Store) -> Self {
        let start = Instant::now();
        Self {
            store: SharedStore::new(store),
            homeserver: Arc::new(FakeHomeserver {
                device: DEVICE.to_owned(),
                start,
                enters: Mutex::default(),
                sends: Mutex::default(),
                finds: Mutex::default(),
                log: watch::Sender::default(),
            }),
            settings: watch::Sender::new(settings(more)),
            changes: watch::Sender::new(0),
            pause: Pause::default(),
            clock: Arc::new(TokioClock(start)),
        }
    }

    pub(super) fn worker(&self) -> Worker<FakeHomeserver> {
        Worker {
            room: ROOM.to_owned(),
            store: self.store.clone(),
            homeserver: self.homeserver.clone(),
            settings: self.settings.subscribe(),
            changes: self.changes.subscribe(),
            pause: self.pause.clone(),
            clock: self.clock.clone(),
            budget: Budget::default(),
        }
    }

    /// Runs a worker until `done`, and drops it, as a crash would.
    pub(super) async fn run(&self, done: impl Future<Output = ()>) {
        tokio::select! {
            ended = self.worker().run() => panic!("the worker ended: {ended:?}"),
            () = done => {}
        }
    }

    /// Runs a worker until it ends by itself.
    pub(super) async fn run_to_the_end(&self) -> SinkError {
        let ended = tokio::time::timeout(DEADLINE, self.worker().run()).await;
        ended.expect("the worker ends").expect_err("it ends because it cannot go on")
    }

    /// Waits until the homeserver's log is so.
    pub(super) async fn logged(&self, condition: impl FnMut(&Vec<Call>) -> bool) {
        let mut log = self.homeserver.log.subscribe();
        let waited = tokio::time::timeout(DEADLINE, log.wait_for(condition)).await;
        drop(waited.expect("the homeserver is asked").expect("it is there"));
    }

    /// Waits until nothing is left to be sent or told. Tokio's time goes on only when the worker has
    /// nothing to do.
    pub(super) async fn idle(&self) {
        let ends = Instant::now() + DEADLINE;
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            let state = self.store.with(|store| store.room(ROOM)).await.unwrap();
            if (state.waiting, state.unsent) == (0, 0) {
                return;
            }
            assert!(Instant::now() < ends, "there is still something: {state:?}");
            ticks.tick().await;
        }
    }

    pub(super) fn arrive(&self, numbers: std::ops::RangeInclusive<u64>) {
        let settings = self.settings.borrow().clone();
        for number in numbers {
            let data = json!({ "number": number });
            let mut event = StreamEvent::example("org.example.thing.happened", &data).unwrap();
            event.seq = Some(Seq(number));
            let now = self.clock.now();
            let added = self.store.lock().take(&[settings.arrive(&event)], None, now).unwrap();
            assert_eq!(added, 1);
        }
        self.changes.send_modify(|count| *count += 1);
    }

    pub(super) fn sends_answer(
        &self,
        answers: impl IntoIterator<Item = Result<&'static str, SendError>>,
    ) {
        self.homeserver.sends.lock().unwrap().extend(answers.into_iter().map(Reply::Says));
    }

    pub(super) fn sent(&self) -> Vec<(Duration, String, String)> {
        let log = self.homeserver.log.borrow();
        let sends = log.iter().filter_map(|call| match &call.what {
            Asked::Send { txn, content } => {
                let content: Json = serde_json::from_str(content).unwrap();
                let text = content["body"].as_str().unwrap().to_owned();
                assert_eq!(content[MARK]["txn"], **txn);
                Some((call.after, txn.clone(), text))
            }
            _ => None,
        });
        sends.collect()
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.sent().into_iter().map(|(_, _, text)| text).collect()
    }

    pub(super) fn seconds(&self) -> Vec<u64> {
        self.sent().into_iter().map(|(after, _, _)| after.as_secs()).collect()
    }

    pub(super) fn finds(&self) -> Vec<Timestamp> {
        let log = self.homeserver.log.borrow();
        let since = log.iter().filter_map(|call| match call.what {
            Asked::Find { since, .. } => Some(since),
            _ => None,
        });
        since.collect()
    }
}

const DEADLINE: Duration = Duration::from_hours(48);

pub(super) fn settings(more: &str) -> Arc<Settings> {
    let config: Config = toml::from_str(&format!(
        "data_dir = '/nowhere'
        [matrix]
        homeserver = 'https://example.org'
        user = '@mirk:example.org'
        [trust]
        keys_dir = '/nowhere'
        [stream]
        publish = 'tcp://127.0.0.1:1'
        replay = 'tcp://127.0.0.1:2'
        [[room]]
        room = '{ROOM}'
        {more}"
    ))
    .unwrap();
    Arc::new(Settings::new(Arc::new(config), &[]).unwrap())
}
