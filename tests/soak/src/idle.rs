//! Connections by the ten thousand that shake hands, subscribe and then say nothing: what one costs,
//! and that nobody else notices.

use std::time::{Duration, Instant};

use fastrand::Rng;
use laniakea_e2e::{Module, Relay, Signal, until};
use laniakea_zmtp::Role;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{
    Outcome, Scale,
    peer::{ENDPOINTS, Peer, Target},
    scale::{ACKNOWLEDGED, MAX_KEPT_KIB},
    steady::{Served, Steady},
    trial::{Attack, Trial, wait_until_idle, without_rates},
};

/// At full size.
const CONNECTIONS: u64 = 10_000;
/// What is left of the descriptors for everything else.
const OTHERS: u64 = 600;
/// Connections of good peers at most, some of which come back after the restart.
const GOOD: u64 = 5;
/// Handshakes at a time.
const BATCH: usize = 50;
/// Bytes of the relay's memory that one may cost.
const MOST: u64 = 24 << 10;
/// Good replies while they are there, and between two good events.
const REPLIES: u64 = 1_000;
const INTERVAL: Duration = Duration::from_millis(2);
/// How long memory may take to be given back.
const SETTLE: Duration = Duration::from_secs(5);

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let wanted = scale.of(CONNECTIONS).max(300);
    let count = wanted.min(raise_descriptors().saturating_sub(OTHERS));
    let member = Module::with_curve("member-01");
    let relay = without_rates(Relay::new().encrypted().trust(&member, &["_lk.member."]))
        .limit(&format!("max_connections = {}", 2 * count + OTHERS))
        .limit(&format!("max_connections_per_key = {}", 2 * count + OTHERS));
    let mut trial = Trial::begin(relay);
    let mut rng = scale.rng(12);
    let mut attack = Attack::default();
    trial.may_keep_kib = MAX_KEPT_KIB;
    if count < wanted {
        attack.notes.push(format!("{count} connections, since no more descriptors are allowed"));
    }
    let mut good = Served::default();
    for endpoint in 0..ENDPOINTS.len() {
        for member in [None, Some(&member)] {
            let role = if endpoint == 1 { Role::Sub } else { Role::Dealer };
            let target = Target::new(&trial.relay, endpoint, role, member);
            // One that has room left of former work would not show what they need.
            attack.crashes += trial.look();
            trial.relay.stop(Signal::TERM);
            trial.relay.start();
            // What the first of them cost, such as the room for their numbers, is not what each does.
            drop(open(&target, 2 * BATCH, &mut rng));
            let served = Idle { trial: &mut trial, target, endpoint, count }.look(
                &mut rng,
                scale,
                &mut attack,
            );
            good.refused += served.refused;
            good.unanswered += served.unanswered;
        }
    }
    attack.zeros =
        vec![("good events refused", good.refused), ("good events unanswered", good.unanswered)];
    attack.crashes += trial.look();
    trial.end("idle", attack)
}

/// As many descriptors as the system allows, for this process and those that it starts.
fn raise_descriptors() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap_or_default();
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

struct Idle<'a> {
    trial: &'a mut Trial,
    target: Target,
    endpoint: usize,
    count: u64,
}

impl Idle<'_> {
    fn look(self, rng: &mut Rng, scale: &Scale, attack: &mut Attack) -> Served {
        let Self { trial, target, endpoint, count } = self;
        let counter = format!("{}_connections", ENDPOINTS[endpoint]);
        let relay = &trial.relay;
        until("the first ones to be gone", || (relay.counter(&counter) <= GOOD).then_some(()));
        let before = trial.relay.process().anonymous_kib();
        let start = Instant::now();
        let peers = open(&target, usize::try_from(count).unwrap(), rng);
        let took = start.elapsed();
        let relay = &trial.relay;
        let is_there = || relay.counter(&counter) >= count;
        until("all to be there", || is_there().then_some(()));
        wait_until_idle(trial.relay.process());
        let held = trial.relay.process().anonymous_kib().saturating_sub(before) * 1_024 / count;
        let steady = Steady::start(&trial.relay, &trial.good, INTERVAL);
        let replies = scale.of(REPLIES).max(100);
        std::thread::park_timeout(INTERVAL * u32::try_from(replies).unwrap() * 11 / 10);
        let served = steady.stop();
        drop(peers);
        let over = Instant::now();
        let relay = &trial.relay;
        until("all to be gone", || (relay.counter(&counter) <= GOOD).then_some(()));
        wait_until_idle(trial.relay.process());
        let idle = over.elapsed();
        let kept = trial.settle_to(before + MAX_KEPT_KIB, SETTLE).saturating_sub(before);
        let name = if target.is_encrypted() { "encrypted" } else { "plain" };
        let what = format!("{count} at {}, {name}", ENDPOINTS[endpoint]);
        attack.inputs += count;
        attack.notes.push(format!(
            "{what}: {held} bytes each, there within {took:.1?}; {} good replies, p99 {:.1?}, slowest \
             {:.1?}; gone and idle within {idle:.1?}, {} MiB kept",
            served.times.len(),
            served.p99(),
            served.slowest(),
            kept >> 10,
        ));
        if held > MOST {
            attack.faults.push(format!("{what}: {held} bytes each"));
        }
        if served.p99() > ACKNOWLEDGED {
            attack.faults.push(format!("{what}: the p99 of good replies is {:.1?}", served.p99()));
        }
        if kept > MAX_KEPT_KIB {
            attack.faults.push(format!("{what}: {} MiB are kept", kept >> 10));
        }
        served
    }
}

/// Connections that have said what they have to say.
fn open(target: &Target, count: usize, rng: &mut Rng) -> Vec<Peer> {
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let size = BATCH.min(count - open.len());
        let mut batch: Vec<Peer> = (0..size).map(|_| Peer::open(target, rng).unwrap()).collect();
        let deadline = Instant::now() + SETTLE;
        while batch.iter().any(|peer| !peer.is_ready()) {
            for peer in &mut batch {
                peer.shake().expect("the relay lets them in");
            }
            assert!(Instant::now() < deadline, "handshakes are not done");
            std::thread::park_timeout(Duration::from_micros(200));
        }
        for peer in &mut batch {
            peer.flush().unwrap();
            if target.setup.role == Role::Sub {
                let number = rng.u64(..);
                let (zmtp, out) = peer.out();
                zmtp.subscribe(format!("org.idle{number}.").as_bytes(), out).unwrap();
                peer.flush().unwrap();
            }
        }
        open.append(&mut batch);
    }
    open
}
