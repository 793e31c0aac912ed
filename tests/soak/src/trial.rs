//! What every trial does before and after its attack.

use std::time::{Duration, Instant};

use laniakea_e2e::{Memory, Module, Process, Relay, RunningRelay, until};
use laniakea_event::{Object, Seq, Value};
use laniakea_wire::{
    curve::Security,
    replay::{From, Header, Read, ReplayClient, Request},
};

use crate::{
    Outcome, Zero,
    listener::{Heard, Listener},
    prober::Prober,
    scale::MAX_GROWTH_KIB,
    submitter::{PATIENCE, Submitter},
};

/// Enough for the relay's queues, caches and allocator to be as large as they get in good times.
const WARM_UP: usize = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
const WARM_UP_ID: &str = "_lk.warm.up";
/// Bytes of a large event.
const LARGE: usize = 500_000;
/// How long memory may take to be given back.
const SETTLE: Duration = Duration::from_secs(20);

/// A relay under attack.
pub(crate) struct Trial {
    pub(crate) relay: RunningRelay,
    /// Somebody whose events must always be taken, as `_lk.good.`.
    pub(crate) good: Module,
    listener: Option<Listener>,
    prober: Prober,
    before: Memory,
    /// Events in the journal before the attack.
    pub(crate) start: Seq,
    started: Instant,
    peak: u64,
    /// What the relay may keep of the attack.
    pub(crate) may_keep_kib: u64,
}

/// What the attack itself came to.
#[derive(Debug, Default)]
pub(crate) struct Attack {
    pub(crate) inputs: u64,
    pub(crate) zeros: Vec<Zero>,
    pub(crate) notes: Vec<String>,
    pub(crate) faults: Vec<String>,
    /// How often the relay ended by itself or panicked before it was restarted on purpose.
    pub(crate) crashes: u64,
}

/// A relay that limits no rates, on top of what the trial wants.
pub(crate) fn without_rates(relay: Relay) -> Relay {
    relay
        .limit("rate_per_signer = 10000000")
        .limit("rate_per_connection = 10000000")
        .limit("rate_burst = 10000000")
}

impl Trial {
    /// Starts the relay, which also trusts a good module, and warms it up.
    pub(crate) fn begin(relay: Relay) -> Self {
        let good = Module::new("good-01");
        let warm = Module::new("warm-01");
        let relay = relay.trust(&good, &["_lk.good."]).trust(&warm, &["_lk.warm."]);
        let mut relay = relay.run();
        let prober = Prober::new(&relay, &good);
        let listener = Some(Listener::new(&relay));
        warm_up(&relay, &warm);
        let start = last(&relay);
        let before = relay.process().memory();
        Self {
            relay,
            good,
            listener,
            prober,
            before,
            start,
            started: Instant::now(),
            peak: 0,
            may_keep_kib: MAX_GROWTH_KIB,
        }
    }

    /// For those who look at deliveries in another way: to verify all of them costs too much.
    pub(crate) fn without_listener(mut self) -> Self {
        self.listener = None;
        self
    }

    /// What was published so far.
    pub(crate) fn heard(&self) -> Heard {
        self.listener.as_ref().map(Listener::heard).unwrap_or_default()
    }

    /// Takes what the relay holds now for the start.
    pub(crate) fn measure(&mut self) {
        self.before = self.relay.process().memory();
        self.started = Instant::now();
    }

    /// Whether there is a relay to ask.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.relay.process().is_running()
    }

    /// Counts crashes, notes the memory's peak; to be called before a restart on purpose.
    pub(crate) fn look(&mut self) -> u64 {
        let process = self.relay.process();
        let panics = process.output().iter().filter(|line| line.contains("panicked")).count();
        if !process.is_running() {
            return 1 + panics as u64;
        }
        self.peak = self.peak.max(process.memory().peak_kib);
        panics as u64
    }

    /// Submits a good event and waits until it is published.
    pub(crate) fn publish_one(&mut self) {
        self.prober.once();
    }

    /// Waits until the relay holds no more than so much anonymous memory, for at most so long. What
    /// was freed goes back to the system as events come: that is when the allocator looks.
    pub(crate) fn settle_to(&mut self, most_kib: u64, patience: Duration) -> u64 {
        let deadline = Instant::now() + patience;
        loop {
            let kib = self.relay.process().anonymous_kib();
            if kib <= most_kib || Instant::now() >= deadline {
                return kib;
            }
            self.publish_one();
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Looks at what the attack has left.
    pub(crate) fn end(mut self, name: &'static str, attack: Attack) -> Outcome {
        let took = self.started.elapsed();
        let mut crashes = attack.crashes;
        let (good_event, after) = if self.is_alive() {
            (self.prober.best(), self.settle())
        } else {
            (Duration::MAX, self.before)
        };
        crashes += self.look();
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let rate = attack.inputs as f64 / took.as_secs_f64();
        Outcome {
            name,
            inputs: attack.inputs,
            crashes,
            zeros: attack.zeros,
            before: self.before,
            after: Memory { peak_kib: after.peak_kib.max(self.peak), ..after },
            rate,
            good_event,
            may_keep_kib: self.may_keep_kib,
            notes: attack.notes,
            faults: attack.faults,
        }
    }

    fn settle(&mut self) -> Memory {
        let deadline = Instant::now() + SETTLE;
        loop {
            let memory = self.relay.process().memory();
            let is_settled = memory.resident_kib <= self.before.resident_kib + self.may_keep_kib;
            if is_settled || Instant::now() >= deadline {
                return memory;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

/// Many events, some large ones, and all of them read again.
fn warm_up(relay: &RunningRelay, warm: &Module) {
    let mut submitter = Submitter::connect(&relay.endpoints().submit);
    let small = (0..WARM_UP).map(|_| warm.event(WARM_UP_ID));
    let large = (0..WARM_UP / 200).map(|number| {
        let text = format!("{number} {}", "x".repeat(LARGE));
        warm.event_with(WARM_UP_ID, Object::from([("text".to_owned(), Value::from(text))]))
    });
    let events = small.chain(large).map(|event| (event.into_bytes(), ()));
    submitter.submit_all(events, 1_000, |_| {});
    assert_eq!(submitter.waiting(), 0, "a relay that nobody attacks answers");
    read_journal(relay);
}

/// Waits until a process uses less than a tenth of one core.
pub(crate) fn wait_until_idle(process: &Process) {
    let interval = Duration::from_millis(200);
    until("the CPU to be idle", || {
        let before = process.cpu_time();
        std::thread::park_timeout(interval);
        (process.cpu_time().saturating_sub(before) < interval / 10).then_some(())
    });
}

/// The relay's last seq.
pub(crate) fn last(relay: &RunningRelay) -> Seq {
    status(relay).last
}

/// The relay's status.
pub(crate) fn status(relay: &RunningRelay) -> Header {
    let answer = client(relay).request(&Request::Status(None));
    answer.expect("the relay says how it is").header
}

/// Every event of the journal after this position, as published.
pub(crate) fn journal_after(relay: &RunningRelay, start: Seq) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for_each_page(relay, start, |mut events| all.append(&mut events));
    all
}

/// Has the relay read all of its journal once.
pub(crate) fn read_journal(relay: &RunningRelay) {
    for_each_page(relay, Seq::START, drop);
}

fn for_each_page(relay: &RunningRelay, start: Seq, mut take: impl FnMut(Vec<Vec<u8>>)) {
    let mut client = client(relay);
    let mut after = start;
    loop {
        let read = Read { from: From::After(after), prefixes: Vec::new(), limit: 1_000 };
        let answer = client.request(&Request::Read(read)).expect("the relay reads its journal");
        take(answer.events);
        after = answer.header.next.unwrap_or(after);
        if after == answer.header.last {
            return;
        }
    }
}

fn client(relay: &RunningRelay) -> ReplayClient {
    ReplayClient::connect(&relay.endpoints().replay, &Security::Plain, PATIENCE).unwrap()
}
