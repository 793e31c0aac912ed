//! Peers that send without pause, read nothing and leave, in turn at every endpoint, on a long
//! journal: nobody is kept waiting, and nothing is left of them.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use laniakea_e2e::{Module, Process, Relay, RunningRelay, Signal, until};
use laniakea_wire::{
    curve::Security,
    replay::{ReplayClient, Request},
};
use laniakea_zmtp::Role;

use crate::{
    Outcome, Scale,
    flooder::Flooder,
    scale::PROMPT,
    steady::{Served, Steady},
    submitter::Submitter,
    trial::{Attack, Trial, without_rates},
};

/// At full size: rounds, and events in the journal before the first.
const ROUNDS: u64 = 200;
const EVENTS: u64 = 1_000_000;
/// The trial ends then, however many rounds it has run.
const LONGEST: Duration = Duration::from_mins(20);
/// How long a flood lasts, and how many peers make it.
const FLOOD: Duration = Duration::from_secs(3);
const PEERS: usize = 20;
/// 50 good events a second.
const INTERVAL: Duration = Duration::from_millis(20);
/// A relay that is told to stop ends by then, whatever it is sent.
const STOP: Duration = Duration::from_secs(5);
const KINDS: [Kind; 6] = [
    Kind { endpoint: 0, what: "junk at submit", role: Role::Dealer, messages: junk },
    Kind { endpoint: 1, what: "ends of subscriptions", role: Role::Sub, messages: ends },
    Kind { endpoint: 1, what: "user messages at publish", role: Role::XSub, messages: user },
    Kind { endpoint: 1, what: "subscriptions", role: Role::Sub, messages: subscriptions },
    Kind { endpoint: 2, what: "reads that match nothing", role: Role::Dealer, messages: reads },
    Kind { endpoint: 2, what: "requests for status", role: Role::Dealer, messages: status },
];

/// What a flood consists of.
struct Kind {
    /// Submit, publish, replay.
    endpoint: usize,
    what: &'static str,
    role: Role,
    messages: fn() -> Vec<Message>,
}

type Message = Vec<Vec<u8>>;

fn junk() -> Vec<Message> {
    vec![vec![b"{\"id\":5}".to_vec(), b"id".to_vec()], vec![vec![b' '; 100_000], b"id".to_vec()]]
}

fn ends() -> Vec<Message> {
    vec![vec![b"\0never".to_vec()]]
}

fn user() -> Vec<Message> {
    vec![vec![b"hello".to_vec()], vec![Vec::new()], vec![b"a".to_vec(), b"b".to_vec()]]
}

fn subscriptions() -> Vec<Message> {
    (0..1_000).map(|number| vec![format!("\x01org.n{number}.").into_bytes()]).collect()
}

fn reads() -> Vec<Message> {
    let read = |count: usize| {
        let prefixes: Vec<String> = (0..count).map(|at| format!("\"org.nothing{at}.\"")).collect();
        let prefixes = prefixes.join(",");
        format!(r#"{{"op":"read","after":0,"prefixes":[{prefixes}],"limit":1000}}"#)
    };
    [read(1), read(1_000)].map(|text| vec![b"id".to_vec(), text.into_bytes()]).to_vec()
}

fn status() -> Vec<Message> {
    vec![vec![b"id".to_vec(), br#"{"op":"status"}"#.to_vec()]]
}

/// The worst of all rounds.
#[derive(Default)]
struct Worst {
    status: Duration,
    good: Served,
    publication: Duration,
    idle: Duration,
}

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let member = Module::with_curve("member-01");
    let relay = without_rates(Relay::new().encrypted().trust(&member, &["_lk.member."]));
    let mut trial = Trial::begin(relay);
    fill(&trial, &member, scale.of(EVENTS).max(2_000));
    trial.measure();
    let mut rng = scale.rng(11);
    let mut attack = Attack::default();
    let mut worst = Worst::default();
    let began = Instant::now();
    let mut rounds = 0;
    while rounds < scale.of(ROUNDS) && began.elapsed() < LONGEST && trial.is_alive() {
        let is_encrypted = rng.bool();
        let kind = &KINDS[rng.usize(..KINDS.len())];
        attack.inputs += round(&mut trial, kind, is_encrypted.then_some(&member), &mut worst);
        rounds += 1;
    }
    attack.crashes = trial.look();
    attack.zeros = vec![
        ("good events refused", worst.good.refused),
        ("good events unanswered", worst.good.unanswered),
        ("rounds not run", scale.of(ROUNDS) - rounds),
    ];
    let Worst { status, good, publication, idle } = &worst;
    attack.notes.push(format!(
        "{rounds} rounds of {PEERS} peers, seed {}; the longest: status for a newcomer {status:.1?}, \
         p99 of a round's good replies {:.1?}, publication after a flood {publication:.1?}, until the \
         CPU was idle {idle:.1?}",
        scale.seed(),
        good.times.last().copied().unwrap_or_default(),
    ));
    if *publication > PROMPT {
        attack.faults.push(format!("after a flood an event took {publication:.1?}"));
    }
    stop_under_flood(&mut trial, &mut attack);
    trial.end("floods", attack)
}

/// Makes the journal long, so that reads are dear.
fn fill(trial: &Trial, member: &Module, events: u64) {
    let mut submitter = Submitter::connect(&trial.relay.endpoints().submit);
    let events = (0..events).map(|_| (member.event("_lk.member.fill").into_bytes(), ()));
    submitter.submit_all(events, 1_000, |_| {});
    assert_eq!(submitter.waiting(), 0, "a relay that nobody attacks answers");
}

/// One flood; gives back the messages that the peers got out.
fn round(trial: &mut Trial, kind: &Kind, member: Option<&Module>, worst: &mut Worst) -> u64 {
    let steady = Steady::start(&trial.relay, &trial.good, INTERVAL);
    let flood = Flood::start(&trial.relay, kind, member);
    while !flood.is_finished() {
        let start = Instant::now();
        ask_status(trial);
        worst.status = worst.status.max(start.elapsed());
        std::thread::park_timeout(Duration::from_millis(200));
    }
    let sent = flood.join();
    let start = Instant::now();
    trial.publish_one();
    worst.publication = worst.publication.max(start.elapsed());
    let served = steady.stop();
    worst.good.refused += served.refused;
    worst.good.unanswered += served.unanswered;
    // Of each round its p99, so that the last is the worst.
    worst.good.times.push(served.p99());
    worst.good.times.sort();
    let start = Instant::now();
    wait_until_idle(trial.relay.process(), kind.what);
    worst.idle = worst.idle.max(start.elapsed());
    trial.look();
    sent
}

/// As somebody who has just come.
fn ask_status(trial: &Trial) {
    let endpoint = &trial.relay.endpoints().replay;
    let patience = Duration::from_secs(30);
    let client = ReplayClient::connect(endpoint, &Security::Plain, patience);
    client.unwrap().request(&Request::Status(None)).expect("the relay says how it is");
}

/// Less than a tenth of one core.
fn wait_until_idle(process: &Process, after: &str) {
    let interval = Duration::from_millis(200);
    until(&format!("the CPU to be idle after {after}"), || {
        let before = process.cpu_time();
        std::thread::park_timeout(interval);
        (process.cpu_time().saturating_sub(before) < interval / 10).then_some(())
    });
}

fn stop_under_flood(trial: &mut Trial, attack: &mut Attack) {
    let flood = Flood::start(&trial.relay, &KINDS[4], None);
    std::thread::park_timeout(FLOOD / 2);
    let start = Instant::now();
    let status = trial.relay.stop(Signal::TERM);
    let took = start.elapsed();
    flood.join();
    attack.notes.push(format!("SIGTERM under a flood: {took:.1?}, {status}"));
    if took > STOP || !status.success() {
        attack.faults.push(format!("told to stop, the relay took {took:.1?}: {status}"));
    }
    trial.relay.start();
}

/// The peers of one flood.
struct Flood(JoinHandle<u64>);

impl Flood {
    fn start(relay: &RunningRelay, kind: &Kind, member: Option<&Module>) -> Self {
        let endpoints = relay.endpoints();
        let plain = [&endpoints.submit, &endpoints.publish, &endpoints.replay];
        let endpoint = match member {
            None => plain[kind.endpoint],
            Some(_) => &endpoints.curve[kind.endpoint],
        };
        let keys = member.and_then(Module::curve_pair).zip(relay.curve_key());
        let messages = (kind.messages)();
        let open = || Flooder::connect(endpoint, kind.role, keys, &messages);
        let mut peers: Vec<Flooder> = (0..PEERS).map(|_| open()).collect();
        // One thread, which has one core at the most.
        Self(std::thread::spawn(move || {
            let start = Instant::now();
            let mut are_all_cut = false;
            while start.elapsed() < FLOOD && !are_all_cut {
                are_all_cut = peers.iter_mut().filter_map(Flooder::send).count() == 0;
                std::thread::park_timeout(Duration::from_millis(1));
            }
            peers.iter().map(Flooder::sent).sum()
        }))
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// The messages that they got out.
    fn join(self) -> u64 {
        self.0.join().unwrap()
    }
}
