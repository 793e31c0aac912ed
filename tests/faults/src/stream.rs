//! A whole stream under load: a relay, a source and sinks as processes, and what becomes of each event.
//!
//! Events are made at a steady rate and appended to a file, from which the source takes them. Answers and
//! deliveries are read from the files that source and sinks write, so that nothing depends on who lives.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use laniakea_e2e::{Module, Process, Relay, RunningRelay, Signal, binary};
use laniakea_event::{Digest, Seq};
use tempfile::TempDir;

use crate::{
    checker::{Answer, Checker, Claim, Consumer, Delivered, Findings},
    lines::Lines,
    reading,
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(2);
/// How long everything may take to arrive in the end.
const SETTLE: Duration = Duration::from_secs(90);

/// Where a process runs, and how it reaches the relay.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    /// The command that runs it, such as `ip netns exec NAME`; none here.
    pub(crate) wrapper: Vec<String>,
    /// The relay's address from there, where it is not the relay's own.
    pub(crate) address: Option<String>,
}

impl Place {
    /// What runs a binary there.
    fn command(&self, name: &str) -> Command {
        let mut words = self.wrapper.iter();
        match words.next() {
            Some(program) => {
                let mut command = Command::new(program);
                command.args(words).arg(binary(name));
                command
            }
            None => Command::new(binary(name)),
        }
    }
}

/// What is known of the events so far.
#[derive(Default)]
struct Known {
    checker: Checker,
    /// When each event was made.
    made: Vec<Instant>,
    numbers: BTreeMap<Digest, usize>,
    acknowledged: Progress,
    delivered: Vec<Progress>,
    refused: BTreeMap<String, u64>,
    waits: Vec<Wait>,
    longest: Duration,
}

#[derive(Default)]
struct Progress {
    /// Different events.
    count: usize,
    /// Behind the newest of them.
    end: usize,
    seen: Vec<bool>,
    /// From its making, of each event.
    took: Vec<Duration>,
}

impl Progress {
    fn note(&mut self, number: usize, took: Duration) {
        if self.seen.len() <= number {
            self.seen.resize(number + 1, false);
        }
        if !std::mem::replace(&mut self.seen[number], true) {
            self.count += 1;
            self.took.push(took);
        }
        self.end = self.end.max(number + 1);
    }
}

/// Somebody wants to know when an event of a certain number or a later one is through.
struct Wait {
    since: Instant,
    number: usize,
}

/// A sink, alive or not.
struct Sink {
    log: PathBuf,
    cursor: Option<PathBuf>,
    place: Place,
    process: Option<Process>,
}

pub(crate) struct Stream {
    pub(crate) relay: RunningRelay,
    directory: TempDir,
    source: Option<Process>,
    source_place: Place,
    sinks: Vec<Sink>,
    known: Arc<Mutex<Known>>,
    is_making: Arc<AtomicBool>,
    is_watching: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// The sink whose log is its position, and the one with a cursor beside its log.
pub(crate) const ONCE: usize = 0;
pub(crate) const AGAIN: usize = 1;

impl Stream {
    /// Starts everything, and makes so many events a second.
    pub(crate) fn begin(relay: Relay, rate: u32, source: Place, sinks: &Place) -> Self {
        let signer = Module::new("load-01");
        let relay = crate::stream::without_rates(relay).trust(&signer, &["_lk.load."]).run();
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let mut known = Known::default();
        let mut logs = Vec::new();
        let mut all = Vec::new();
        for (name, claim) in [("once", Claim::ExactlyOnce), ("again", Claim::AtLeastOnce)] {
            let log = path(name);
            File::create(&log).unwrap();
            logs.push((Lines::open(&log).unwrap(), known.checker.consumer(name, claim)));
            known.delivered.push(Progress::default());
            let cursor = (claim == Claim::AtLeastOnce).then(|| path("cursor"));
            all.push(Sink { log, cursor, place: sinks.clone(), process: None });
        }
        let events = File::create(path("events")).unwrap();
        File::create(path("answers")).unwrap();
        let answers = Lines::open(&path("answers")).unwrap();
        let known = Arc::new(Mutex::new(known));
        let is_making = Arc::new(AtomicBool::new(true));
        let is_watching = Arc::new(AtomicBool::new(true));
        let threads = vec![
            std::thread::spawn({
                let (known, is_making) = (known.clone(), is_making.clone());
                move || make(events, &signer, rate, &known, &is_making)
            }),
            std::thread::spawn({
                let (known, is_watching) = (known.clone(), is_watching.clone());
                move || watch(answers, logs, &known, &is_watching)
            }),
        ];
        let mut stream = Self {
            relay,
            directory,
            source: None,
            source_place: source,
            sinks: all,
            known,
            is_making,
            is_watching,
            threads,
        };
        stream.start_source();
        stream.start_sink(ONCE);
        stream.start_sink(AGAIN);
        stream
    }

    pub(crate) fn start_source(&mut self) {
        let mut command = self.source_place.command("faults-source");
        let path = |name: &str| self.directory.path().join(name);
        command.arg("--events").arg(path("events")).arg("--answers").arg(path("answers"));
        command.args(["--submit", &self.endpoint(&self.source_place, Endpoint::Submit)]);
        self.source = Some(Process::start(&mut command));
    }

    pub(crate) fn kill_source(&mut self) {
        self.source.take().unwrap().stop(Signal::KILL);
    }

    pub(crate) fn start_sink(&mut self, number: usize) {
        let Sink { log, cursor, place, .. } = &self.sinks[number];
        let mut command = place.command("faults-sink");
        command.args(["--publish", &self.endpoint(place, Endpoint::Publish)]);
        command.args(["--replay", &self.endpoint(place, Endpoint::Replay)]);
        command.arg("--log").arg(log);
        if let Some(cursor) = cursor {
            command.arg("--cursor").arg(cursor);
        }
        self.sinks[number].process = Some(Process::start(&mut command));
    }

    pub(crate) fn kill_sink(&mut self, number: usize) {
        self.sinks[number].process.take().unwrap().stop(Signal::KILL);
    }

    pub(crate) fn sink(&self, number: usize) -> &Process {
        self.sinks[number].process.as_ref().unwrap()
    }

    fn endpoint(&self, place: &Place, endpoint: Endpoint) -> String {
        let endpoints = self.relay.endpoints();
        let endpoint = match endpoint {
            Endpoint::Submit => &endpoints.submit,
            Endpoint::Publish => &endpoints.publish,
            Endpoint::Replay => &endpoints.replay,
        };
        let (_, port) = endpoint.rsplit_once(':').unwrap();
        match &place.address {
            Some(address) => format!("tcp://{address}:{port}"),
            None => endpoint.clone(),
        }
    }

    /// From now on it is measured how long it takes until an event made from now on is through.
    pub(crate) fn fault(&self) {
        let mut known = self.known.lock().unwrap();
        let number = known.made.len();
        known.waits.push(Wait { since: Instant::now(), number });
    }

    /// The same for the first event that is not through yet: where a fault lasted, those that were made
    /// meanwhile come first.
    pub(crate) fn way_is_there(&self) {
        let mut known = self.known.lock().unwrap();
        let number = known.through();
        known.waits.push(Wait { since: Instant::now(), number });
    }

    /// Waits until the events after all faults so far are through, and says whether they are.
    pub(crate) fn flows(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.known.lock().unwrap().waits.is_empty() {
                return true;
            }
            std::thread::park_timeout(LOOK);
        }
        false
    }

    /// How long it took at most until events flowed after a fault.
    pub(crate) fn longest(&self) -> Duration {
        let known = self.known.lock().unwrap();
        known.waits.iter().map(|wait| wait.since.elapsed()).fold(known.longest, Duration::max)
    }

    /// Forgets the longest so far.
    pub(crate) fn forget_longest(&self) {
        self.known.lock().unwrap().longest = Duration::ZERO;
    }

    /// How often submissions were refused so far, by reason.
    pub(crate) fn refused(&self) -> BTreeMap<String, u64> {
        self.known.lock().unwrap().refused.clone()
    }

    /// How many events were made so far, and how many of them are acknowledged and delivered to each sink.
    pub(crate) fn progress(&self) -> (usize, usize, Vec<usize>) {
        let known = self.known.lock().unwrap();
        let delivered = known.delivered.iter().map(|progress| progress.count).collect();
        (known.made.len(), known.acknowledged.count, delivered)
    }

    /// How long the slowest hundredth of this sink's deliveries took, of those since the last call.
    pub(crate) fn p99(&self, sink: usize) -> Duration {
        let mut took = std::mem::take(&mut self.known.lock().unwrap().delivered[sink].took);
        took.sort_unstable();
        took.get(took.len() * 99 / 100).copied().unwrap_or_default()
    }

    /// Makes no more events, waits until all are through, stops everybody and has it judged.
    pub(crate) fn end(mut self) -> Findings {
        self.settle();
        self.is_watching.store(false, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        self.kill_source();
        for number in 0..self.sinks.len() {
            self.kill_sink(number);
        }
        self.relay.stop(Signal::TERM);
        let mut known = self.known.lock().unwrap();
        reading::read_into(&mut known.checker, &self.relay);
        known.checker.findings()
    }

    /// Makes no more events and waits until all are through.
    pub(crate) fn settle(&mut self) {
        self.is_making.store(false, Ordering::Relaxed);
        let deadline = Instant::now() + SETTLE;
        loop {
            let (made, acknowledged, delivered) = self.progress();
            let is_through = acknowledged == made && delivered.iter().all(|count| *count == made);
            if is_through || Instant::now() > deadline {
                return;
            }
            std::thread::park_timeout(LOOK);
        }
    }
}

/// Lets time pass under load.
pub(crate) fn pass(time: Duration) {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        std::thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

#[derive(Clone, Copy)]
enum Endpoint {
    Submit,
    Publish,
    Replay,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.is_making.store(false, Ordering::Relaxed);
        self.is_watching.store(false, Ordering::Relaxed);
    }
}

/// A relay that limits no rates.
pub(crate) fn without_rates(relay: Relay) -> Relay {
    relay
        .limit("rate_per_signer = 10000000")
        .limit("rate_per_connection = 10000000")
        .limit("rate_burst = 10000000")
}

/// Makes events until it is told to stop.
fn make(mut file: File, signer: &Module, rate: u32, known: &Mutex<Known>, is_making: &AtomicBool) {
    let interval = Duration::from_secs(1) / rate;
    let mut due = Instant::now();
    let ids = ["_lk.load.package-built", "_lk.load.package-synced", "_lk.load.job.done"];
    for id in ids.iter().cycle() {
        while Instant::now() < due {
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        due += interval;
        if !is_making.load(Ordering::Relaxed) {
            return;
        }
        let event = signer.event(id);
        let digest = event.digest();
        let mut line = format!("{digest} ").into_bytes();
        line.extend(event.bytes());
        line.push(b'\n');
        {
            let mut known = known.lock().unwrap();
            let number = known.made.len();
            known.made.push(Instant::now());
            known.numbers.insert(digest, number);
            known.checker.sent(digest, signer.name());
        }
        file.write_all(&line).unwrap();
    }
}

/// Takes in what source and sinks write, until it is told to stop.
fn watch(
    mut answers: Lines,
    mut logs: Vec<(Lines, Consumer)>,
    known: &Mutex<Known>,
    is_watching: &AtomicBool,
) {
    loop {
        let is_last = !is_watching.load(Ordering::Relaxed);
        let lines = answers.read().unwrap();
        let deliveries: Vec<_> = logs.iter_mut().map(|(log, _)| log.read().unwrap()).collect();
        {
            let mut known = known.lock().unwrap();
            for line in &lines {
                known.answered(line);
            }
            for (sink, lines) in deliveries.iter().enumerate() {
                for line in lines {
                    known.wrote(sink, logs[sink].1, line);
                }
            }
            known.resolve();
        }
        if is_last {
            return;
        }
        std::thread::park_timeout(LOOK);
    }
}

impl Known {
    /// A line of the source.
    fn answered(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let digest: Digest = words[0].parse().unwrap();
        let answer = match words[1] {
            "accepted" => Answer::Accepted(Seq(words[2].parse().unwrap())),
            "duplicate" => Answer::Duplicate(Seq(words[2].parse().unwrap())),
            _ => Answer::Rejected(words[2].to_owned()),
        };
        if let Answer::Rejected(reason) = &answer {
            *self.refused.entry(reason.clone()).or_default() += 1;
        } else if let Some(&number) = self.numbers.get(&digest) {
            self.acknowledged.note(number, self.made[number].elapsed());
        }
        self.checker.answered(digest, answer);
    }

    /// A line of a sink.
    fn wrote(&mut self, sink: usize, consumer: Consumer, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "start" => self.checker.restarted(consumer),
            "lost" => {
                let seq = |word: &str| Seq(word.parse().unwrap());
                self.checker.told(consumer, seq(words[1]), seq(words[2]));
            }
            "event" => {
                let (_, seq) = words[1].split_once(':').unwrap();
                let (digest, bytes) = (words[2].parse().unwrap(), words[3].parse().unwrap());
                let delivered = Delivered { seq: Seq(seq.parse().unwrap()), digest, bytes };
                self.checker.delivered(consumer, delivered);
                if let Some(&number) = self.numbers.get(&digest) {
                    self.delivered[sink].note(number, self.made[number].elapsed());
                }
            }
            _ => panic!("a sink says: {line}"),
        }
    }

    /// Behind the newest event that is acknowledged, and with every sink.
    fn through(&self) -> usize {
        let through = self.delivered.iter().map(|progress| progress.end);
        through.fold(self.acknowledged.end, usize::min)
    }

    /// Looks which waits are over.
    fn resolve(&mut self) {
        let through = self.through();
        let is_over = |wait: &mut Wait| wait.number < through;
        for wait in self.waits.extract_if(.., is_over) {
            self.longest = self.longest.max(wait.since.elapsed());
        }
    }
}

/// A path that does not exist yet, in the relay's directory.
pub(crate) fn beside(relay: &RunningRelay, name: &str) -> PathBuf {
    let directory: &Path = relay.directory();
    directory.join(name)
}
