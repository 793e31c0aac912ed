//! Bits of the journal and of its log flip, or their ends are missing: the relay refuses to start, or serves what
//! is left exactly as it was and says what is missing.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use laniakea_e2e::{Ended, Module, Relay, RunningRelay, Signal};
use laniakea_event::{Digest, Object, Prefix, Seq, SignedEvent, Value};
use laniakea_journal::StoredEvent;
use laniakea_wire::{
    curve::Security,
    replay::{From, Read, ReplayClient, Request},
    subscription::{Start, Update},
};

use crate::{
    Outcome, Scale,
    checker::{Answer, Checker, Claim, Delivered},
    reading,
    stream::without_rates,
    submitter::Submitter,
};

/// Cases at full size.
const FLIPS: u64 = 1_000;
const CUTS: u64 = 200;
/// Events that are in the file, and those that are only in its log.
const WRITTEN_BACK: usize = 1_200;
const IN_LOG: usize = 300;
/// What is damaged: the journal, its log, and what comes with both.
const FILES: [&str; 2] = ["journal.sqlite", "journal.sqlite-wal"];
const ALL_FILES: [&str; 3] = ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"];
/// Some sentence of every refusal says what to do.
const HINTS: [&str; 4] =
    ["restore it from a backup", "name another file", "move it away", "run the newer relay"];
const PATIENCE: Duration = Duration::from_secs(20);
/// Old events that are submitted again to a damaged relay.
const AGAIN: usize = 20;

/// A relay that was killed, and everything that it had.
struct Subject {
    relay: RunningRelay,
    source: Module,
    events: Vec<SignedEvent>,
    originals: Vec<StoredEvent>,
    files: PathBuf,
}

#[derive(Debug, Default)]
struct Tally {
    refused: u64,
    whole: u64,
    /// Served with events missing, each of which was told.
    partly: u64,
    told: u64,
    /// Old events that were taken as new.
    taken_again: u64,
}

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let mut outcome = Outcome { name: "damaged", ..Outcome::default() };
    let mut rng = scale.rng(4);
    let mut subject = Subject::new(&mut rng);
    let mut tally = Tally::default();
    let mut judge = |name: String, damage: &dyn Fn(&mut Vec<u8>), file: &str| {
        subject.put_back();
        let path = reading::journal_file(&subject.relay).with_file_name(file);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        outcome.faults += 1;
        subject.judge(&name, &mut tally, &mut outcome);
    };
    for number in 0..scale.of(FLIPS) {
        let file = FILES[usize::from(number % 2 == 1)];
        let at = rng.u64(..);
        let flip = |bytes: &mut Vec<u8>| {
            let bit = usize::try_from(at % (bytes.len() as u64 * 8)).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
        };
        judge(format!("bit {at} of {file} flipped"), &flip, file);
    }
    for number in 0..scale.of(CUTS) {
        let file = FILES[usize::from(number % 2 == 1)];
        let at = rng.u64(..);
        let cut = |bytes: &mut Vec<u8>| {
            bytes.truncate(usize::try_from(at % bytes.len() as u64).unwrap());
        };
        judge(format!("{file} cut off at {at}"), &cut, file);
    }
    let Tally { refused, whole, partly, told, taken_again } = tally;
    outcome.notes.push(format!(
        "{refused} refused with exit code 2 and a hint, {whole} harmless, {partly} served without \
         {told} damaged events, each of them told"
    ));
    outcome.notes.push(format!(
        "{taken_again} of {} events were taken once more, since what remembers them was damaged",
        AGAIN as u64 * (whole + partly)
    ));
    outcome
}

impl Subject {
    fn new(rng: &mut fastrand::Rng) -> Self {
        let source = Module::new("damage-01");
        let relay = without_rates(Relay::new()).trust(&source, &["_lk.damage.", "_lk.other."]);
        let mut relay = relay.run();
        let mut events = Vec::new();
        events.extend(submit(&relay, &source, WRITTEN_BACK, rng));
        relay.stop(Signal::TERM);
        relay.start();
        events.extend(submit(&relay, &source, IN_LOG, rng));
        relay.stop(Signal::KILL);
        let files = relay.directory().join("killed");
        fs::create_dir(&files).unwrap();
        let data = relay.directory().join("data");
        for name in ALL_FILES {
            fs::copy(data.join(name), files.join(name)).unwrap();
        }
        let originals = reading::events(&reading::journal_file(&relay), relay.name());
        assert_eq!(originals.len(), WRITTEN_BACK + IN_LOG);
        Self { relay, source, events, originals, files }
    }

    /// Makes the files what they were after the kill.
    fn put_back(&self) {
        let data = self.relay.directory().join("data");
        for name in ALL_FILES {
            fs::copy(self.files.join(name), data.join(name)).unwrap();
        }
    }

    fn judge(&mut self, name: &str, tally: &mut Tally, outcome: &mut Outcome) {
        if let Err(ended) = self.relay.try_start() {
            tally.refused += 1;
            if let Some(what) = is_wrong_refusal(&ended) {
                outcome.wrong.push(format!("{name}: {what}: {:?}", ended.output));
            }
            return;
        }
        let mut checker = Checker::default();
        let consumer = checker.consumer("replay", Claim::ExactlyOnce);
        for event in &self.originals {
            checker.sent(event.digest, self.source.name());
            checker.answered(event.digest, Answer::Accepted(event.seq));
            checker.journaled(event.seq, &event.frame, Ok(event.digest));
        }
        let last = self.originals.last().map(|event| event.seq).unwrap_or_default();
        match read_all(&self.relay, &[]) {
            Err(why) => outcome.wrong.push(format!("{name}: {why}")),
            Ok(Served { frames, damaged }) => {
                let mut expected = self.originals.iter().filter(|it| !damaged.contains(&it.seq));
                for frame in frames {
                    // The events come in order, so what differs shows in its place.
                    let Some(original) = expected.next() else { break };
                    let (seq, digest) = (original.seq, original.digest);
                    let bytes = Digest::of(&frame);
                    checker.delivered(consumer, Delivered { seq, digest, bytes });
                }
                for seq in &damaged {
                    checker.told(consumer, Seq(seq.0 - 1), seq.next());
                }
                tally.told += damaged.len() as u64;
                *(if damaged.is_empty() { &mut tally.whole } else { &mut tally.partly }) += 1;
                if !damaged.is_empty() {
                    self.check_subscription(name, &damaged, last, outcome);
                }
            }
        }
        self.check_filter(name, outcome);
        tally.taken_again += self.submit_again(name, outcome);
        let findings = checker.findings();
        for (kind, cases) in findings.kinds() {
            for case in cases.iter().take(1) {
                outcome.notes.push(format!("{name}: {kind}: {case}"));
            }
        }
        outcome.findings.add(findings);
        let output = self.relay.process().output();
        if output.iter().any(|line| line.contains("panicked")) {
            outcome.wrong.push(format!("{name}: a panic: {output:?}"));
        }
        self.relay.stop(Signal::KILL);
    }

    /// A subscription tells of each damaged event and delivers the others.
    fn check_subscription(&self, name: &str, damaged: &[Seq], last: Seq, outcome: &mut Outcome) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut delivered, mut told) = (0, 0);
        runtime.block_on(async {
            let mut subscription = self.relay.subscribe(Start::After(Seq::START));
            let read = async {
                while let Some(Ok(update)) = subscription.next().await {
                    match update {
                        Update::Event(_) => delivered += 1,
                        Update::Lost { after, before } => told += before.0 - after.0 - 1,
                        Update::CaughtUp(_) => return,
                        _ => {}
                    }
                }
            };
            drop(tokio::time::timeout(PATIENCE, read).await);
        });
        if (delivered + told, told) != (last.0, damaged.len() as u64) {
            let what = format!("a subscription got {delivered} and was told of {told} of {last}");
            outcome.wrong.push(format!("{name}: {what}, where {} are damaged", damaged.len()));
        }
    }

    /// The index must not hide what is there.
    fn check_filter(&self, name: &str, outcome: &mut Outcome) {
        let served = match read_all(&self.relay, &["_lk.other."]) {
            Ok(served) => served,
            Err(why) => return outcome.wrong.push(format!("{name}: with a filter: {why}")),
        };
        let wanted =
            self.originals.iter().filter(|event| event.id.as_str().starts_with("_lk.other."));
        let wanted = wanted.filter(|event| !served.damaged.contains(&event.seq));
        if !wanted.map(|event| &event.frame).eq(served.frames.iter()) {
            outcome.wrong.push(format!("{name}: with a filter other events are served"));
        }
    }

    /// How many old events are taken as new ones.
    fn submit_again(&mut self, name: &str, outcome: &mut Outcome) -> u64 {
        let submitter = Submitter::connect(&self.relay.endpoints().submit);
        let new = self.source.event("_lk.damage.new");
        submitter.send(&new);
        let step = self.events.len() / AGAIN;
        let old = self.events.iter().step_by(step).take(AGAIN);
        for event in old {
            submitter.send(event);
        }
        let (mut taken, mut waiting) = (0, AGAIN + 1);
        let deadline = Instant::now() + PATIENCE;
        while waiting > 0 && Instant::now() < deadline {
            match submitter.receive(Duration::from_millis(5)) {
                Some((digest, answer)) => {
                    waiting -= 1;
                    let is_new = digest == new.digest();
                    taken += u64::from(matches!(answer, Answer::Accepted(_)) && !is_new);
                }
                // A journal that contradicts itself when it is written ends the relay.
                None if !self.relay.process().is_running() => {
                    let ended = self.relay.wait();
                    if ended.status.success() || ended.status.code().is_none() {
                        outcome.wrong.push(format!("{name}: ended: {:?}", ended.output));
                    }
                    self.put_back();
                    self.relay.start();
                    return taken;
                }
                None => {}
            }
        }
        if waiting > 0 {
            outcome.wrong.push(format!("{name}: {waiting} submissions were not answered"));
        }
        taken
    }
}

/// Submits events of several sizes and waits until all are taken.
fn submit(
    relay: &RunningRelay,
    source: &Module,
    count: usize,
    rng: &mut fastrand::Rng,
) -> Vec<SignedEvent> {
    let submitter = Submitter::connect(&relay.endpoints().submit);
    let events: Vec<SignedEvent> = (0..count)
        .map(|number| {
            let id = if number % 7 == 0 { "_lk.other.seldom" } else { "_lk.damage.often" };
            let size = if number % 50 == 0 { 9_000 } else { rng.usize(..200) };
            let text = format!("{} {}", rng.u64(..), "x".repeat(size));
            source.event_with(id, Object::from([("text".to_owned(), Value::from(text))]))
        })
        .collect();
    // In small groups, so that the log has many transactions.
    for group in events.chunks(5) {
        for event in group {
            submitter.send(event);
        }
        for _ in group {
            let (_, answer) = submitter.receive(PATIENCE).unwrap();
            assert!(matches!(answer, Answer::Accepted(_)), "{answer:?}");
        }
    }
    events
}

fn is_wrong_refusal(ended: &Ended) -> Option<String> {
    if ended.status.code() != Some(2) {
        return Some(format!("it ended with {}", ended.status));
    }
    let has_hint = |line: &String| HINTS.iter().any(|hint| line.contains(hint));
    (!ended.output.iter().any(has_hint)).then(|| "it does not say what to do".to_owned())
}

/// What a relay serves.
struct Served {
    frames: Vec<Vec<u8>>,
    damaged: Vec<Seq>,
}

fn read_all(relay: &RunningRelay, prefixes: &[&str]) -> Result<Served, String> {
    let endpoint = &relay.endpoints().replay;
    let mut client = ReplayClient::connect(endpoint, &Security::Plain, PATIENCE).unwrap();
    let prefixes: Vec<Prefix> = prefixes.iter().map(|it| Prefix::parse(it).unwrap()).collect();
    let mut served = Served { frames: Vec::new(), damaged: Vec::new() };
    let mut after = Seq::START;
    loop {
        let read = Read { from: From::After(after), prefixes: prefixes.clone(), limit: 1_000 };
        let answer = client.request(&Request::Read(read)).map_err(|error| error.to_string())?;
        served.frames.extend(answer.events);
        served.damaged.extend(answer.header.damaged);
        let next = answer.header.next.ok_or("a header without `next`")?;
        if next == answer.header.last {
            return Ok(served);
        }
        if next <= after {
            return Err(format!("reading does not get beyond {after}"));
        }
        after = next;
    }
}
