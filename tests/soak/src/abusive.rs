//! One connection floods: the good signer beside it notices nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use laniakea_e2e::{Module, Relay, RunningRelay, until};
use laniakea_wire::submit::Reply;

use crate::{
    Outcome, Scale,
    scale::PROMPT,
    steady::{Served, Steady},
    submitter::Submitter,
    trial::{Attack, Trial, status},
};

/// Each flood lasts so long at full size.
const SECONDS: u64 = 10;
/// 50 good events a second.
const INTERVAL: Duration = Duration::from_millis(20);
/// Valid events to flood with; those beyond the rate leave no trace and are sent again.
const EVENTS: usize = if cfg!(debug_assertions) { 5_000 } else { 30_000 };
const ID: &str = "_lk.abuse.flood";

/// What one floods with.
#[derive(Debug, Clone, Copy)]
enum Flood {
    /// Valid events, with replies that are read.
    Valid,
    /// The same without replies: they wait for their rate.
    OneWay,
    /// What is no event, with replies that nobody reads.
    Junk,
    /// Events beyond the limit, which are still answered.
    TooLarge,
    /// Beyond twice the limit: each cuts the connection.
    FarTooLarge,
}

impl Flood {
    /// What waits for its rate takes its time afterwards; a short run leaves it at some of it.
    fn most(self) -> u64 {
        match self {
            Self::OneWay if cfg!(debug_assertions) => 3_000,
            _ => u64::MAX,
        }
    }
}

const FLOODS: [Flood; 5] =
    [Flood::Valid, Flood::OneWay, Flood::Junk, Flood::TooLarge, Flood::FarTooLarge];

/// A short flood on a slow machine would not get through the burst that is allowed at first.
fn limited(relay: Relay) -> Relay {
    if cfg!(debug_assertions) { relay.limit("rate_burst = 1000") } else { relay }
}

/// Runs the trial, with the limits that a relay has unless it is configured otherwise.
pub fn run(scale: &Scale) -> Outcome {
    let abuser = Module::new("abuser-01");
    let mut trial = Trial::begin(limited(Relay::new().trust(&abuser, &["_lk.abuse."])));
    let events: Arc<Vec<Vec<u8>>> =
        Arc::new((0..EVENTS).map(|_| abuser.event(ID).into_bytes()).collect());
    let lasts = Duration::from_millis(scale.of(SECONDS * 1_000).max(500));
    let mut attack = Attack::default();
    let mut total = Served::default();
    for flood in FLOODS {
        let steady = Steady::start(&trial.relay, &trial.good, INTERVAL);
        let flooding = Flooding::start(&trial.relay, flood, events.clone(), lasts);
        let sent = flooding.join();
        let served = steady.stop();
        wait_for_quiet(&trial.relay);
        attack.crashes = attack.crashes.max(trial.look());
        attack.inputs += sent;
        attack.notes.push(format!(
            "{flood:?}: {sent} sent; good events: {}, p99 {:.1?}, slowest reply {:.1?}",
            served.sent,
            served.p99(),
            served.slowest()
        ));
        if served.p99() > PROMPT {
            attack
                .faults
                .push(format!("beside {flood:?} the p99 of good replies is {:.1?}", served.p99()));
        }
        total.refused += served.refused;
        total.unanswered += served.unanswered;
        total.sent += served.sent;
    }
    attack.zeros = vec![
        ("good events refused", total.refused),
        ("good events unanswered", total.unanswered),
        ("refused for the rate and never taken", untaken(&trial, &events)),
    ];
    let counters = status(&trial.relay).counters.unwrap_or_default();
    let limited = counters.get("rejected_rate_limited").copied().unwrap_or_default();
    attack.notes.push(format!("refused for the rate: {limited}"));
    if limited == 0 {
        attack.faults.push("the flood was not above the rate".to_owned());
    }
    trial.end("abusive", attack)
}

/// What is left of one flood must not be taken for the next one's.
fn wait_for_quiet(relay: &RunningRelay) {
    let mut before = None;
    until("the relay to be through with the flood", || {
        let mut counters = status(relay).counters.unwrap_or_default();
        // This very question counts there.
        counters.remove("replayed");
        let counters = Some(counters);
        std::thread::park_timeout(Duration::from_millis(100));
        let is_quiet = before == counters;
        before = counters;
        is_quiet.then_some(())
    });
}

/// The flood is over: its valid events are taken now, or were.
fn untaken(trial: &Trial, events: &[Vec<u8>]) -> u64 {
    let mut submitter = Submitter::connect(&trial.relay.endpoints().submit);
    let mut taken = 0;
    for event in events.iter().take(SAMPLE) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match submitter.submit(event.clone(), ()).reply {
                Reply::Accepted { .. } => taken += 1,
                Reply::Rejected { .. } if Instant::now() < deadline => {
                    std::thread::park_timeout(Duration::from_millis(2));
                    continue;
                }
                Reply::Rejected { .. } => {}
            }
            break;
        }
    }
    SAMPLE as u64 - taken
}

/// Events that are looked at when the flood is over.
const SAMPLE: usize = 500;

struct Flooding {
    is_over: Arc<AtomicBool>,
    lasts: Duration,
    thread: JoinHandle<u64>,
}

impl Flooding {
    fn start(
        relay: &RunningRelay,
        flood: Flood,
        events: Arc<Vec<Vec<u8>>>,
        lasts: Duration,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let endpoint = relay.endpoints().submit.clone();
        let thread = std::thread::spawn({
            let is_over = is_over.clone();
            move || flood_with(flood, &endpoint, &events, &is_over)
        });
        Self { is_over, lasts, thread }
    }

    /// Lets it flood for its time; gives back how many messages it got out.
    fn join(self) -> u64 {
        std::thread::park_timeout(self.lasts);
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn flood_with(flood: Flood, endpoint: &str, events: &[Vec<u8>], is_over: &AtomicBool) -> u64 {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_sndtimeo(20).unwrap();
    socket.connect(endpoint).unwrap();
    let large = vec![b' '; 3 << 19];
    let far_too_large = vec![b' '; (2 << 20) + 1];
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) && sent < flood.most() {
        let next = &events[usize::try_from(sent).unwrap() % events.len()][..];
        let frames: &[&[u8]] = match flood {
            Flood::Valid => &[next, b"id"],
            Flood::OneWay => &[next],
            Flood::Junk => &[b"{\"id\":5}", b"id"],
            Flood::TooLarge => &[&large, b"id"],
            Flood::FarTooLarge => &[&far_too_large, b"id"],
        };
        // A full queue is what a flood comes to.
        sent += u64::from(socket.send_multipart(frames, 0).is_ok());
        while matches!(flood, Flood::Valid | Flood::TooLarge)
            && socket.recv_multipart(zmq::DONTWAIT).is_ok()
        {}
    }
    sent
}
