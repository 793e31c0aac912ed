//! A good consumer: it follows the relay as our programs do, live and by replay, and notes how often
//! each event was delivered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use laniakea_e2e::RunningRelay;
use laniakea_wire::subscription::{Start, Subscription, Update};

/// How long an event may take that has to be asked for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Follows until it is dropped.
pub(crate) struct Follower {
    delivered: Arc<Mutex<Delivered>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Delivered {
    /// How often each event was, by its digest.
    times: BTreeMap<String, u64>,
    /// What was told to be missing, not to be believed, or not to fit together.
    complaints: u64,
}

/// What became of some events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) missing: u64,
    pub(crate) repeated: u64,
    pub(crate) complaints: u64,
}

impl Follower {
    /// Begins now; what is submitted from now on is delivered.
    pub(crate) fn new(relay: &RunningRelay) -> Self {
        let start = Start::After(relay.status().last);
        let subscription = relay.subscribe_with(|config| {
            config.start = start;
            config.status_interval = Duration::from_secs(1);
        });
        let delivered = Arc::new(Mutex::new(Delivered::default()));
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (delivered, is_over) = (delivered.clone(), is_over.clone());
            move || follow(subscription, &delivered, &is_over)
        });
        Self { delivered, is_over, thread: Some(thread) }
    }

    /// Waits until these were delivered, and forgets everything.
    pub(crate) fn settle(&self, digests: &[String]) -> Followed {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut delivered = self.delivered.lock().unwrap();
            let is_missing = |digest: &&String| !delivered.times.contains_key(*digest);
            let missing = digests.iter().filter(is_missing).count() as u64;
            if missing == 0 || Instant::now() >= deadline {
                let Delivered { times, complaints } = std::mem::take(&mut *delivered);
                let repeated = times.values().map(|times| times - 1).sum();
                return Followed { missing, repeated, complaints };
            }
            drop(delivered);
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn follow(mut subscription: Subscription, delivered: &Mutex<Delivered>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let update = subscription.try_next();
        let mut delivered = delivered.lock().unwrap();
        match update {
            Some(Ok(Update::Event(delivery))) => {
                *delivered.times.entry(delivery.digest().to_string()).or_default() += 1;
            }
            Some(
                Err(_)
                | Ok(
                    Update::Lost { .. }
                    | Update::Refused { .. }
                    | Update::JournalChanged { .. }
                    | Update::Contradiction { .. },
                ),
            ) => delivered.complaints += 1,
            Some(Ok(_)) => {}
            None => {
                drop(delivered);
                std::thread::park_timeout(Duration::from_millis(2));
            }
        }
    }
}
