//! Jumps of the clock: nothing is taken twice, seq has no hole, and what the wrong time keeps out
//! comes in once the time is right.

mod faketime;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::{Module, Relay, RunningRelay, until};
use laniakea_event::{Draft, EventId, Object, Seq};
use laniakea_wire::{
    submit::Reply,
    subscription::{Believe, Delivery},
};

use self::faketime::FakeClock;
use crate::{
    Outcome, Scale,
    submitter::{Answer, PATIENCE, Submitter},
    trial::{Attack, Trial, journal_after, last, status, without_rates},
};

const ID: &str = "_lk.archive.package-build-success";
/// A second, a minute, an hour, a day, a year.
const JUMPS: [i64; 5] = [1, 60, 3_600, 86_400, 31_536_000];
/// What the relay allows unless it is configured otherwise.
const MAX_AGE: i64 = 7 * 86_400;
const MAX_FUTURE: i64 = 600;
/// Between the events that are emitted all the while.
const INTERVAL: Duration = Duration::from_millis(5);
/// No reply may take longer, whatever the clock does: a jump of a minute that was waited for would show, and
/// a busy machine does not.
const STALL: Duration = Duration::from_secs(10);
const WINDOW: usize = 256;

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let source = Module::new("archive-01");
    let clock = FakeClock::new();
    let relay = clock.wind(Relay::new().trust(&source, &["_lk.archive."]));
    let trial = Trial::begin(without_rates(relay));
    let mut jumper = Jumper {
        submitter: Submitter::connect(&trial.relay.endpoints().submit),
        relay: &trial.relay,
        clock: &clock,
        source: source.clone(),
        taken: Vec::new(),
        rng: scale.rng(0),
        tally: Tally::default(),
    };
    let load = Load::start(&trial.relay, &source);
    let replays = scale.count(40_000).max(100);
    jumper.take(replays / 2);
    for jump in JUMPS {
        for offset in [jump, -jump] {
            jumper.jump(offset, replays);
            jumper.jump(0, replays);
        }
    }
    let loaded = load.stop();
    jumper.take_late(&loaded.late);
    let (taken, tally) = (jumper.taken.len() as u64, jumper.tally);
    let attack = conclude(&trial, tally, &loaded, taken);
    trial.end("clock", attack)
}

/// Sets the clock and looks at what the relay does then.
struct Jumper<'r> {
    submitter: Submitter<Seq>,
    relay: &'r RunningRelay,
    clock: &'r FakeClock,
    source: Module,
    /// Events dated by the true time, with their seqs.
    taken: Vec<(Vec<u8>, Seq)>,
    rng: Rng,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    inputs: u64,
    taken_again: u64,
    wrong: u64,
    unanswered: u64,
    slowest: Duration,
    /// How far the clock was off then.
    slowest_at: i64,
    /// How far it is off now.
    offset: i64,
    faults: Vec<String>,
}

impl Tally {
    fn took(&mut self, time: Duration) {
        if time > self.slowest {
            self.slowest = time;
            self.slowest_at = self.offset;
        }
    }
}

impl Jumper<'_> {
    /// Emits events that will be replayed.
    fn take(&mut self, count: usize) {
        for _ in 0..count {
            let event = event(&self.source, SystemClock.now());
            let answer = self.submitter.submit(event, Seq::START);
            self.expect("accepted", &answer);
        }
    }

    fn jump(&mut self, offset: i64, replays: usize) {
        self.tally.offset = offset;
        self.clock.set(offset);
        until("the relay's clock to jump", || {
            let asked = Instant::now();
            let told = status(self.relay).time.unwrap_or_default();
            self.tally.took(asked.elapsed());
            let told: Timestamp = told.parse().unwrap();
            let off = told.duration_since(SystemClock.now()) - SignedDuration::from_secs(offset);
            (off.abs() < SignedDuration::from_millis(400)).then_some(())
        });
        self.replay(offset, replays);
        // An event of the time that the relay believes in, and one of the true time.
        let now = SystemClock.now();
        let answer = self.submit(now + SignedDuration::from_secs(offset));
        self.expect("accepted", &answer);
        let answer = self.submit(now);
        self.expect(new_event_at(offset), &answer);
    }

    fn submit(&mut self, time: Timestamp) -> Answer<Seq> {
        let event = event(&self.source, time);
        self.submitter.submit(event, Seq::START)
    }

    /// Sends taken events once more; none may be taken again.
    fn replay(&mut self, offset: i64, count: usize) {
        let taken = std::mem::take(&mut self.taken);
        let replays: Vec<(Vec<u8>, Seq)> =
            (0..count).map(|_| self.rng.choice(taken.iter()).unwrap().clone()).collect();
        let expected = match new_event_at(offset) {
            "accepted" => "duplicate",
            refused => refused,
        };
        let mut answers = Vec::new();
        self.submitter.submit_all(replays, WINDOW, |answer| answers.push(answer));
        self.tally.unanswered += self.submitter.waiting();
        for answer in answers {
            self.expect(expected, &answer);
        }
        // What was taken meanwhile at another time of the relay's is replayed too, and is either
        // known or of the wrong time.
        self.taken.extend(taken);
    }

    fn expect(&mut self, expected: &str, answer: &Answer<Seq>) {
        self.tally.inputs += 1;
        self.tally.took(answer.took);
        let is_known = answer.about != Seq::START;
        let got = match &answer.reply {
            Reply::Accepted { duplicate: false, seq, .. } => {
                self.tally.taken_again += u64::from(is_known);
                if expected == "accepted" && !is_known && new_event_is_of_true_time(&answer.event) {
                    self.taken.push((answer.event.clone(), *seq));
                }
                "accepted"
            }
            Reply::Accepted { seq, .. } if *seq == answer.about => "duplicate",
            Reply::Accepted { .. } => "a duplicate of another event",
            Reply::Rejected { reason, .. } => reason,
        };
        if got != expected {
            self.tally.wrong += 1;
            if self.tally.faults.len() < 5 {
                self.tally.faults.push(format!("{expected} was expected and {got} came"));
            }
        }
    }

    /// What was refused while the clock was wrong is taken now that it is right.
    fn take_late(&mut self, late: &[Vec<u8>]) {
        let events = late.iter().map(|event| (event.clone(), Seq::START));
        let mut answers = Vec::new();
        self.submitter.submit_all(events, WINDOW, |answer| answers.push(answer));
        self.tally.unanswered += self.submitter.waiting();
        for answer in answers {
            self.expect("accepted", &answer);
        }
    }
}

/// What becomes of an event dated by the true time while the relay's clock is so far off.
fn new_event_at(offset: i64) -> &'static str {
    match offset {
        offset if offset > MAX_AGE => "stale",
        offset if -offset > MAX_FUTURE => "from_the_future",
        _ => "accepted",
    }
}

/// Whether an event's own time is about now.
fn new_event_is_of_true_time(event: &[u8]) -> bool {
    let limits = laniakea_event::Limits::SUBMISSION;
    let time = laniakea_event::SubmittedEvent::parse(event, &limits).unwrap().time().since_epoch();
    (SystemClock.now().as_duration() - time).abs() < SignedDuration::from_secs(30)
}

fn event(source: &Module, time: Timestamp) -> Vec<u8> {
    let number = fastrand::u64(..);
    let data = Object::from([("number".to_owned(), number.into())]);
    let draft = Draft::new(EventId::parse(ID).unwrap(), time, data);
    draft.sign(source.key()).unwrap().into_bytes()
}

/// A source with a right clock that emits all the while.
struct Load {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Loaded>,
}

#[derive(Default)]
struct Loaded {
    sent: u64,
    accepted: u64,
    slowest: Duration,
    unanswered: u64,
    /// Refused for their time, which is right.
    late: Vec<Vec<u8>>,
    wrong: u64,
}

impl Load {
    fn start(relay: &RunningRelay, source: &Module) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let endpoint = relay.endpoints().submit.clone();
        let thread = std::thread::spawn({
            let (is_over, source) = (is_over.clone(), source.clone());
            move || emit(&endpoint, &source, &is_over)
        });
        Self { is_over, thread }
    }

    fn stop(self) -> Loaded {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn emit(endpoint: &str, source: &Module, is_over: &AtomicBool) -> Loaded {
    let mut submitter = Submitter::connect(endpoint);
    let mut loaded = Loaded::default();
    while !is_over.load(Ordering::Relaxed) {
        submitter.send(event(source, SystemClock.now()), ());
        loaded.sent += 1;
        let due = Instant::now() + INTERVAL;
        while let Some(answer) = submitter.receive(due.saturating_duration_since(Instant::now())) {
            loaded.note(answer);
        }
    }
    while submitter.waiting() > 0 {
        let Some(answer) = submitter.receive(PATIENCE) else { break };
        loaded.note(answer);
    }
    loaded.unanswered = submitter.waiting();
    loaded
}

impl Loaded {
    fn note(&mut self, answer: Answer<()>) {
        self.slowest = self.slowest.max(answer.took);
        match answer.reply {
            Reply::Accepted { duplicate: false, .. } => self.accepted += 1,
            Reply::Rejected { reason, .. }
                if ["stale", "from_the_future"].contains(&&reason[..]) =>
            {
                self.late.push(answer.event);
            }
            _ => self.wrong += 1,
        }
    }
}

fn conclude(trial: &Trial, tally: Tally, loaded: &Loaded, replayed: u64) -> Attack {
    let believe = Believe::Sources(Arc::new(trial.relay.trust()));
    let (mut holes, mut twice, mut digests) = (0, 0, BTreeSet::new());
    let mut expected = Seq::START;
    for frame in journal_after(&trial.relay, Seq::START) {
        let delivery = Delivery::open(frame, &believe, SystemClock.now()).unwrap();
        expected = expected.next();
        holes += u64::from(delivery.note().map(|note| note.seq) != Some(expected));
        twice += u64::from(!digests.insert(delivery.digest()));
    }
    let heard = trial.heard();
    let mut faults = tally.faults;
    let slowest = tally.slowest.max(loaded.slowest);
    if slowest > STALL {
        faults.push(format!("a reply took {slowest:.1?}"));
    }
    if loaded.late.is_empty() || loaded.accepted == 0 {
        faults.push("the clock did not jump during the load".to_owned());
    }
    Attack {
        inputs: tally.inputs + loaded.sent,
        zeros: vec![
            ("taken again", tally.taken_again),
            ("answered wrongly", tally.wrong + loaded.wrong),
            ("unanswered", tally.unanswered + loaded.unanswered),
            ("holes in seq", holes + (last(&trial.relay).0 - expected.0)),
            ("journaled twice", twice),
            ("republished", heard.repeated()),
        ],
        notes: vec![
            format!(
                "{} jumps and as many back; slowest reply {:.1?} at {:+} s, to the load {:.1?}",
                JUMPS.len() * 2,
                tally.slowest,
                tally.slowest_at,
                loaded.slowest
            ),
            format!(
                "load: {} events, {} taken at once, {} once the time was right; {replayed} replayed",
                loaded.sent,
                loaded.accepted,
                loaded.late.len()
            ),
        ],
        faults,
        crashes: 0,
    }
}
