//! Peers that do what no honest one does, at every endpoint, plain and encrypted, on a long journal:
//! nobody is kept waiting, nothing is lost, and nothing is left of them.

mod assault;
mod kinds;
mod round;
mod table;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use laniakea_e2e::{Module, Relay, Signal};
use laniakea_wire::{
    curve::Security,
    replay::{ReplayClient, Request},
};
use laniakea_zmtp::Role;

use self::{
    assault::Assault,
    kinds::{KINDS, Kind},
    round::{Round, Rounds},
    table::{Row, heading},
};
use crate::{
    Outcome, Scale, Zero,
    follower::Follower,
    peer::{ENDPOINTS, Target},
    scale::MAX_KEPT_KIB,
    steady::Steady,
    submitter::Submitter,
    trial::{Attack, Trial, read_journal, wait_until_idle, without_rates},
};

/// At full size: rounds, and events in the journal before the first.
const ROUNDS: u64 = 1_000;
const EVENTS: u64 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
/// The trial ends then, however many rounds it has run.
const LONGEST: Duration = Duration::from_mins(55);
/// 100 good events a second.
const INTERVAL: Duration = Duration::from_millis(10);
/// Between two newcomers.
const NEWCOMERS: Duration = Duration::from_millis(200);
/// How long connections and memory may take to be given back.
const SETTLE: Duration = Duration::from_secs(5);
/// A relay that is told to stop ends by then, whatever it is sent.
const STOP: Duration = Duration::from_secs(5);
/// What the relay counts in good times as well.
const USUAL: [&str; 8] = [
    "submitted",
    "accepted",
    "published",
    "replayed",
    "subscriptions",
    "submit_connections",
    "publish_connections",
    "replay_connections",
];

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let member = Module::with_curve("member-01");
    // Whoever attacks encrypted endpoints has a key, and may have all places with it.
    let relay = without_rates(Relay::new().encrypted().trust(&member, &["_lk.member."]))
        .limit("max_connections_per_key = 500");
    let mut trial = Trial::begin(relay).without_listener();
    let mut rounds = Rounds::open(scale);
    let resumed = rounds.done.len();
    fill(&trial, &member, scale.of(EVENTS).max(2_000));
    read_journal(&trial.relay);
    trial.measure();
    trial.may_keep_kib = MAX_KEPT_KIB;
    let follower = Follower::new(&trial.relay);
    let mut siege =
        Siege { before: trial.relay.process().anonymous_kib(), trial, member, follower };
    let plan = plan(scale);
    let began = Instant::now();
    for (number, (kind, place)) in plan.iter().enumerate().skip(resumed) {
        if began.elapsed() > LONGEST || !siege.trial.is_alive() {
            break;
        }
        rounds.push(siege.round(kind, *place, scale.rng(number as u64)));
    }
    let mut attack = judge(&rounds.done, scale, plan.len());
    if resumed > 0 {
        attack.notes.push(format!("the first {resumed} of them were run before"));
    }
    siege.stop_under_attack(&mut attack, scale);
    let Siege { mut trial, follower, .. } = siege;
    drop(follower);
    attack.crashes = trial.look();
    rounds.close();
    trial.end("attacks", attack)
}

/// Which attacks there will be, and where: each kind equally often, at each of its places.
fn plan(scale: &Scale) -> Vec<(&'static Kind, (usize, bool))> {
    let mut rng = scale.rng(u64::MAX);
    let first: Vec<usize> = KINDS.iter().map(|_| rng.usize(..1_000)).collect();
    let passes = scale.count(ROUNDS).div_ceil(KINDS.len());
    let rounds = (0..passes).flat_map(|pass| {
        let mut kinds: Vec<usize> = (0..KINDS.len()).collect();
        rng.shuffle(&mut kinds);
        kinds.into_iter().map(move |kind| (kind, pass)).collect::<Vec<_>>()
    });
    let place = |kind: usize, pass: usize| {
        let places = KINDS[kind].places();
        places[(first[kind] + pass) % places.len()]
    };
    let rounds = rounds.map(|(kind, pass)| (&KINDS[kind], place(kind, pass)));
    rounds.take(scale.count(ROUNDS).max(KINDS.len())).collect()
}

/// Makes the journal long, so that reads are dear.
fn fill(trial: &Trial, member: &Module, events: u64) {
    let mut submitter = Submitter::connect(&trial.relay.endpoints().submit);
    let events = (0..events).map(|_| (member.event("_lk.member.fill").into_bytes(), ()));
    submitter.submit_all(events, 1_000, |_| {});
    assert_eq!(submitter.waiting(), 0, "a relay that nobody attacks answers");
}

/// The table, and what is wrong.
fn judge(rounds: &[Round], scale: &Scale, planned: usize) -> Attack {
    let mut zeros: Vec<Zero> = vec![("rounds not run", (planned - rounds.len()) as u64)];
    let inputs = rounds.iter().map(|round| round.inputs).sum();
    let mut attack = Attack { inputs, ..Attack::default() };
    attack.notes.push(format!("{} rounds, seed {}", rounds.len(), scale.seed()));
    attack.notes.push(heading());
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for kind in KINDS {
        let row = Row::new(kind, rounds);
        attack.notes.push(row.show());
        attack.faults.extend(row.faults(scale.is_full()));
        row.zeros().into_iter().for_each(|(what, count)| *sums.entry(what).or_default() += count);
    }
    zeros.extend(Row::new(&KINDS[0], &[]).zeros().map(|(what, _)| (what, sums[what])));
    attack.zeros = zeros;
    attack
}

/// A relay under attack, and those whom it serves.
struct Siege {
    trial: Trial,
    member: Module,
    follower: Follower,
    /// Anonymous memory of the relay before the first attack.
    before: u64,
}

impl Siege {
    fn round(
        &mut self,
        kind: &Kind,
        (endpoint, is_encrypted): (usize, bool),
        rng: fastrand::Rng,
    ) -> Round {
        let before = self.trial.relay.status().counters.unwrap_or_default();
        let steady = Steady::start(&self.trial.relay, &self.trial.good, INTERVAL);
        let assault = self.assault(kind, endpoint, is_encrypted, rng).start();
        let (mut newcomer, mut peak) = (Duration::ZERO, 0);
        while !assault.is_finished() {
            let start = Instant::now();
            self.ask_status();
            newcomer = newcomer.max(start.elapsed());
            peak = peak.max(self.trial.relay.process().anonymous_kib());
            let until = Instant::now() + NEWCOMERS;
            while !assault.is_finished() && Instant::now() < until {
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
        let inputs = assault.join().unwrap();
        let over = Instant::now();
        let served = steady.stop();
        let (idle_ms, kept_kib) = self.wait_for_quiet(over);
        let followed = self.follower.settle(&served.taken);
        let mut counted = self.trial.relay.status().counters.unwrap_or_default();
        counted.retain(|name, count| {
            *count -= before.get(name).copied().unwrap_or_default().min(*count);
            *count > 0 && !USUAL.contains(&name.as_str())
        });
        self.trial.look();
        Round {
            what: kind.what.to_owned(),
            endpoint: ENDPOINTS[endpoint].to_owned(),
            is_encrypted,
            inputs,
            times_us: served.times.iter().map(|it| micros(*it)).collect(),
            refused: served.refused,
            unanswered: served.unanswered,
            missing: followed.missing,
            repeated: followed.repeated,
            complaints: followed.complaints,
            newcomer_us: micros(newcomer),
            idle_ms,
            left: self.left(ENDPOINTS[endpoint], &before),
            peak_kib: peak.saturating_sub(self.before),
            kept_kib,
            counted,
        }
    }

    fn assault(
        &self,
        kind: &Kind,
        endpoint: usize,
        is_encrypted: bool,
        rng: fastrand::Rng,
    ) -> Assault {
        let relay = &self.trial.relay;
        let (role, _) = kind.at[endpoint].unwrap_or((Role::Dealer, ""));
        let member = is_encrypted.then_some(&self.member);
        Assault {
            target: Target::new(relay, endpoint, role, member),
            endpoint,
            way: kind.way,
            peers: kind.peers,
            lasts: kind.lasts,
            rng,
            loud: (self.member.clone(), relay.endpoints().submit.clone()),
        }
    }

    /// As somebody who has just come.
    fn ask_status(&self) {
        let endpoint = &self.trial.relay.endpoints().replay;
        let client = ReplayClient::connect(endpoint, &Security::Plain, Duration::from_secs(30));
        client.unwrap().request(&Request::Status(None)).expect("the relay says how it is");
    }

    /// How long the CPU was busy, and the memory that is kept.
    fn wait_for_quiet(&mut self, over: Instant) -> (u64, u64) {
        wait_until_idle(self.trial.relay.process());
        let idle = over.elapsed();
        let kib = self.trial.settle_to(self.before + MAX_KEPT_KIB, SETTLE);
        (micros(idle) / 1_000, kib.saturating_sub(self.before))
    }

    /// Connections to the endpoint that were not there before the attack.
    fn left(&self, endpoint: &str, before: &BTreeMap<String, u64>) -> u64 {
        let name = format!("{endpoint}_connections");
        let before = before.get(&name).copied().unwrap_or_default();
        let deadline = Instant::now() + SETTLE;
        loop {
            let left = self.trial.relay.counter(&name).saturating_sub(before);
            if left == 0 || Instant::now() >= deadline {
                return left;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn stop_under_attack(&mut self, attack: &mut Attack, scale: &Scale) {
        let Some(kind) = KINDS.iter().find(|kind| kind.what.starts_with("dear reads")) else {
            return;
        };
        let assault = self.assault(kind, 2, false, scale.rng(0));
        let lasts = assault.lasts;
        let assault = assault.start();
        std::thread::park_timeout(lasts / 2);
        let start = Instant::now();
        let status = self.trial.relay.stop(Signal::TERM);
        let took = start.elapsed();
        assault.join().unwrap();
        attack.notes.push(format!("SIGTERM under a flood: {took:.1?}, {status}"));
        if took > STOP || !status.success() {
            attack.faults.push(format!("told to stop, the relay took {took:.1?}: {status}"));
        }
        self.trial.relay.start();
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
