//! Replayed events: what was taken once is never taken again, in whatever spelling it comes,
//! and however often the relay was restarted in between.

mod variants;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::{Module, Relay, Signal, until};
use laniakea_event::{Dialect, Draft, EventId, Object, Seq, Value};
use laniakea_wire::submit::Reply;
use uuid::Uuid;

use self::variants::{Keys, Variant};
use crate::{
    Outcome, Scale,
    submitter::{Answer, PATIENCE, Submitter},
    trial::{Attack, Trial, last, without_rates},
};

const ID: &str = "_lk.archive.package-build-success";
const CONNECTIONS: u64 = 4;
const WINDOW: u64 = 256;
/// Events that are replayed again and again.
const EVENTS: usize = 3_000;
/// Between looks at whether the relay was restarted.
const LOOK: Duration = Duration::from_millis(20);

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let (source, other) = (Module::new("archive-01"), Module::new("archive-02"));
    let relay = Relay::new().trust(&source, &["_lk.archive."]).trust(&other, &["_lk.archive."]);
    let mut trial = Trial::begin(without_rates(relay));
    let keys = Arc::new(Keys {
        source: source.key().clone(),
        other: other.key().clone(),
        relay: trial.relay.identity().key().clone(),
    });
    let taken =
        Arc::new(take_first(&trial, &keys, &mut scale.rng(0), scale.count(EVENTS as u64).max(300)));
    let end_of_journal = last(&trial.relay);

    let inputs = scale.of(1_000_000);
    let progress = Progress::default();
    let replayers: Vec<_> = (1..=CONNECTIONS)
        .map(|number| {
            let replayer = Replayer {
                submitter: Submitter::connect(&trial.relay.endpoints().submit),
                taken: taken.clone(),
                keys: keys.clone(),
                rng: scale.rng(number),
                progress: progress.clone(),
                tally: Tally::default(),
            };
            let count = inputs / CONNECTIONS + u64::from(number <= inputs % CONNECTIONS);
            std::thread::spawn(move || replayer.run(count))
        })
        .collect();
    let started = Instant::now();
    let mut crashes = 0;
    for (third, signal) in [(1, Signal::TERM), (2, Signal::KILL)] {
        wait_for(&progress, inputs * third / 3);
        crashes += trial.look();
        trial.relay.stop(signal);
        trial.relay.start();
        progress.restarts.fetch_add(1, Ordering::Release);
    }
    let mut tally = Tally::default();
    for replayer in replayers {
        tally.add(replayer.join().unwrap());
    }
    let attack = conclude(&trial, &taken, tally, started.elapsed(), end_of_journal, crashes);
    trial.end("replayed", attack)
}

fn wait_for(progress: &Progress, replays: u64) {
    let deadline = Instant::now() + Duration::from_mins(30);
    while progress.replays.load(Ordering::Relaxed) < replays
        && !progress.is_stuck.load(Ordering::Relaxed)
    {
        assert!(Instant::now() < deadline, "the replays do not come to an end");
        std::thread::park_timeout(LOOK);
    }
}

/// An event that the relay has.
struct Taken {
    event: Vec<u8>,
    digest: String,
    seq: Seq,
}

/// Emits events in all dialects, with all kinds of numbers and text.
fn take_first(trial: &Trial, keys: &Keys, rng: &mut Rng, count: usize) -> Vec<Taken> {
    let events = (0..count).map(|number| {
        let dialect = [Dialect::Seed, Dialect::Laniakea, Dialect::Both][number % 3];
        (new_event(keys, dialect, number, rng), ())
    });
    let mut taken = Vec::with_capacity(count);
    let mut submitter = Submitter::connect(&trial.relay.endpoints().submit);
    submitter.submit_all(events, 256, |Answer { event, reply, .. }| match reply {
        Reply::Accepted { digest, seq, duplicate: false, .. } => {
            taken.push(Taken { event, digest, seq });
        }
        reply => panic!("a new event was answered {reply:?}"),
    });
    assert_eq!(taken.len(), count);
    until("the events to be published", || {
        let heard = trial.heard();
        let is_published = |taken: &Taken| heard.times.contains_key(&taken.digest.parse().unwrap());
        taken.iter().all(is_published).then_some(())
    });
    taken
}

fn new_event(keys: &Keys, dialect: Dialect, number: usize, rng: &mut Rng) -> Vec<u8> {
    let double = Value::parse(
        format!("{}.5e-{}", rng.u16(..), rng.u8(..40)).as_bytes(),
        &laniakea_event::Limits::SUBMISSION,
    );
    let data = Object::from([
        ("number".to_owned(), Value::from(number)),
        ("double".to_owned(), double.unwrap()),
        ("text".to_owned(), Value::from("a/b \u{e9}\u{1f600} \"quoted\" \\ \n")),
        ("list".to_owned(), Value::Array(vec![Value::Null, Value::Bool(true), Value::from(0_u64)])),
    ]);
    let uuid = Uuid::from_u128(rng.u128(..));
    let uuid = uuid::Builder::from_random_bytes(*uuid.as_bytes()).into_uuid();
    let draft = Draft::new(EventId::parse(ID).unwrap(), SystemClock.now(), data);
    draft.dialect(dialect, uuid).sign(&keys.source).unwrap().into_bytes()
}

/// What all connections share.
#[derive(Clone, Default)]
struct Progress {
    replays: Arc<AtomicU64>,
    restarts: Arc<AtomicU64>,
    /// A connection gave up.
    is_stuck: Arc<AtomicBool>,
}

struct Replayer {
    submitter: Submitter<(usize, Variant)>,
    taken: Arc<Vec<Taken>>,
    keys: Arc<Keys>,
    rng: Rng,
    progress: Progress,
    tally: Tally,
}

impl Replayer {
    fn run(mut self, count: u64) -> Tally {
        let mut restarts = 0;
        let mut sent = 0;
        let mut answered_at = Instant::now();
        while sent < count || self.submitter.waiting() > 0 {
            while sent < count && self.submitter.waiting() < WINDOW {
                sent += u64::from(self.send());
            }
            let now = self.progress.restarts.load(Ordering::Acquire);
            if now != restarts {
                restarts = now;
                answered_at = Instant::now();
                self.submitter.start_over();
            }
            if let Some(answer) = self.submitter.receive(LOOK) {
                answered_at = Instant::now();
                self.progress.replays.fetch_add(1, Ordering::Relaxed);
                self.note(&answer);
            } else if answered_at.elapsed() > PATIENCE {
                self.progress.is_stuck.store(true, Ordering::Relaxed);
                break;
            }
        }
        self.tally.unanswered = self.submitter.waiting();
        self.tally
    }

    fn send(&mut self) -> bool {
        let index = self.rng.usize(..self.taken.len());
        let variant = *self.rng.choice(&Variant::ALL).unwrap();
        let Some(event) = self.keys.dress(&self.taken[index].event, variant, &mut self.rng) else {
            return false;
        };
        self.submitter.send(event, (index, variant));
        true
    }

    fn note(
        &mut self,
        Answer { about: (index, variant), reply, event, .. }: &Answer<(usize, Variant)>,
    ) {
        let taken = &self.taken[*index];
        let is_right = match (reply, variant.refused_as()) {
            (Reply::Accepted { digest, seq, duplicate: true, .. }, None) => {
                *digest == taken.digest && *seq == taken.seq
            }
            (Reply::Rejected { reason, .. }, Some(expected)) => reason == expected.as_str(),
            (Reply::Accepted { duplicate: false, .. }, _) => {
                self.tally.taken_again += 1;
                false
            }
            _ => false,
        };
        *self.tally.variants.entry(*variant).or_default() += 1;
        if !is_right {
            self.tally.wrong += 1;
            if self.tally.examples.len() < 3 {
                let event = String::from_utf8_lossy(event);
                self.tally.examples.push(format!("{variant:?} was answered {reply:?}: {event:?}"));
            }
        }
    }
}

#[derive(Default)]
struct Tally {
    variants: BTreeMap<Variant, u64>,
    taken_again: u64,
    wrong: u64,
    unanswered: u64,
    examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (variant, count) in other.variants {
            *self.variants.entry(variant).or_default() += count;
        }
        self.taken_again += other.taken_again;
        self.wrong += other.wrong;
        self.unanswered += other.unanswered;
        self.examples.extend(other.examples);
    }
}

fn conclude(
    trial: &Trial,
    taken: &[Taken],
    tally: Tally,
    took: Duration,
    end_of_journal: Seq,
    crashes: u64,
) -> Attack {
    let answered: u64 = tally.variants.values().sum();
    let heard = trial.heard();
    let journaled = last(&trial.relay).0 - end_of_journal.0;
    let each = took / u32::try_from(answered.max(1)).unwrap_or(u32::MAX);
    let kinds: Vec<String> =
        tally.variants.iter().map(|(variant, count)| format!("{variant:?} {count}")).collect();
    let mut faults = tally.examples;
    if tally.variants.len() < Variant::ALL.len() {
        faults.push("not every variant was sent".to_owned());
    }
    Attack {
        inputs: answered + tally.unanswered,
        zeros: vec![
            ("republished", heard.repeated()),
            ("journaled again", journaled),
            ("taken again", tally.taken_again),
            ("answered wrongly", tally.wrong),
            ("unanswered", tally.unanswered),
            ("published and not verifiable", heard.unverified),
        ],
        notes: vec![
            format!("{} events, each replay {each:.1?}, one SIGTERM and one SIGKILL", taken.len()),
            kinds.join(", "),
        ],
        faults,
        crashes,
    }
}
