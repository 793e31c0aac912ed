//! A good source that goes on emitting while others attack.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use laniakea_e2e::{Module, RunningRelay};
use laniakea_wire::submit::Reply;

use crate::submitter::{PATIENCE, Submitter};

/// Emits events at a rate, whether the replies come or not.
pub(crate) struct Steady {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Served>,
}

/// How a good source was served.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    pub(crate) sent: u64,
    pub(crate) refused: u64,
    pub(crate) unanswered: u64,
    /// The digests of what was acknowledged.
    pub(crate) taken: Vec<String>,
    /// How long each reply took, from the shortest to the longest.
    pub(crate) times: Vec<Duration>,
}

impl Served {
    pub(crate) fn slowest(&self) -> Duration {
        self.times.last().copied().unwrap_or_default()
    }

    /// 99 of 100 replies took no longer.
    pub(crate) fn p99(&self) -> Duration {
        self.times.get(self.times.len() * 99 / 100).copied().unwrap_or_default()
    }
}

impl Steady {
    pub(crate) fn start(relay: &RunningRelay, good: &Module, interval: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let endpoint = relay.endpoints().submit.clone();
        let thread = std::thread::spawn({
            let (is_over, good) = (is_over.clone(), good.clone());
            move || emit(&endpoint, &good, interval, &is_over)
        });
        Self { is_over, thread }
    }

    /// Stops and waits for the last replies.
    pub(crate) fn stop(self) -> Served {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn emit(endpoint: &str, good: &Module, interval: Duration, is_over: &AtomicBool) -> Served {
    let mut submitter = Submitter::connect(endpoint);
    let mut served = Served::default();
    let mut due = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        submitter.send(good.event("_lk.good.steady").into_bytes(), ());
        served.sent += 1;
        due += interval;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            match submitter.receive(left) {
                Some(answer) => served.note(&answer.reply, answer.took),
                None if Instant::now() >= due => break,
                None => {}
            }
        }
    }
    while submitter.waiting() > 0 {
        let Some(answer) = submitter.receive(PATIENCE) else { break };
        served.note(&answer.reply, answer.took);
    }
    served.unanswered = submitter.waiting();
    served.times.sort();
    served
}

impl Served {
    fn note(&mut self, reply: &Reply, took: Duration) {
        self.times.push(took);
        match reply {
            Reply::Accepted { duplicate: false, digest, .. } => self.taken.push(digest.clone()),
            _ => self.refused += 1,
        }
    }
}
