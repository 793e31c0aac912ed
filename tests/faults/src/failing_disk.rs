//! The n-th write or sync of the journal fails, for each n.
//!
//! Nobody knows then what is on the disk. The relay must end, having acknowledged nothing of that group, and
//! never sync again what failed; the next start reads what is really there.

use std::time::{Duration, Instant};

use laniakea_e2e::{Module, Relay, RunningRelay, Signal};
use laniakea_event::{Object, Value};

use crate::{
    Outcome, Scale,
    checker::Checker,
    reading, strace,
    stream::{beside, without_rates},
    submitter::Submitter,
};

/// Each call at full size: 1 to this.
const NTH: u64 = 200;
/// Groups that are submitted before the relay is taken to have survived.
const MAX_GROUPS: u64 = 600;
/// How long an answer may take beside strace.
const PATIENCE: Duration = Duration::from_secs(20);
/// With events of this size, two hundred groups are more than the log holds before it is written back.
const LARGE: usize = 200_000;

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let mut outcome = Outcome { name: "failing_disk", ..Outcome::default() };
    if let Some(why) = strace::missing() {
        outcome.skipped = Some(why);
        return outcome;
    }
    let mut rng = scale.rng(2);
    let mut ends = [0_u64; 2];
    for (calls, error) in [("fdatasync,fsync", "EIO"), ("pwrite64", "EIO")] {
        let count = scale.of(NTH);
        for step in 1..=count {
            // A reduced run looks at some of all of them, and at other ones with another seed.
            let nth = if count == NTH { step } else { rng.u64(1..=NTH) };
            let size = if rng.bool() { 100 } else { LARGE };
            let is_serving = try_one(calls, error, nth, size, &mut outcome);
            ends[usize::from(is_serving)] += 1;
            outcome.faults += 1;
        }
    }
    outcome.notes.push(format!(
        "{} relays ended while they served, {} while they started; each started again, with a sound \
         journal that has everything acknowledged",
        ends[1], ends[0]
    ));
    outcome
}

/// One relay whose n-th call fails; says whether it served by then.
fn try_one(calls: &str, error: &str, nth: u64, size: usize, outcome: &mut Outcome) -> bool {
    let source = Module::new("disk-01");
    let mut relay = without_rates(Relay::new()).trust(&source, &["_lk.disk."]).run();
    relay.stop(Signal::TERM);
    let trace = beside(&relay, "trace");
    let wrapper = strace::failing(calls, error, &nth.to_string(), &trace);
    relay.set_wrapper(&wrapper.iter().map(String::as_str).collect::<Vec<_>>());
    let mut checker = Checker::default();
    let mut wrong = |what: &str| outcome.wrong.push(format!("{calls} {nth}, {size} bytes: {what}"));
    let started = relay.try_start();
    let is_serving = started.is_ok();
    if let Err(ended) = started {
        if ended.status.code() != Some(2) {
            wrong(&format!("it did not start, but ended with {}", ended.status));
        }
    } else if submit_until_it_ends(&mut relay, &source, size, &mut checker) {
        let ended = relay.wait();
        let is_told =
            ended.output.iter().any(|line| line.contains("could not write to the journal"));
        if ended.status.success() || ended.status.code().is_none() || !is_told {
            wrong(&format!("it ended with {}: {:?}", ended.status, ended.output));
        }
    } else {
        wrong("it did not end");
        relay.stop(Signal::KILL);
    }
    if let Some(call) = synced_again(&trace) {
        wrong(&format!("something was synced after a sync failed: {call}"));
    }
    relay.set_wrapper(&[]);
    let start = Instant::now();
    if let Err(ended) = relay.try_start() {
        wrong(&format!("it did not start again: {:?}", ended.output));
        return is_serving;
    }
    outcome.recovered(start.elapsed());
    relay.stop(Signal::TERM);
    reading::read_into(&mut checker, &relay);
    let verdict = reading::quick_check(&reading::journal_file(&relay));
    if verdict != "ok" {
        outcome.wrong.push(format!("{calls} {nth}: quick_check: {verdict}"));
    }
    outcome.findings.add(checker.findings());
    is_serving
}

/// Submits small groups, each when the one before was answered; says whether the relay ended.
fn submit_until_it_ends(
    relay: &mut RunningRelay,
    source: &Module,
    size: usize,
    checker: &mut Checker,
) -> bool {
    let submitter = Submitter::connect(&relay.endpoints().submit);
    for group in 0..MAX_GROUPS {
        let mut waiting = 1 + group % 3;
        for number in 0..waiting {
            let text = format!("{group} {number} {}", "x".repeat(size));
            let data = Object::from([("text".to_owned(), Value::from(text))]);
            let event = source.event_with("_lk.disk.written", data);
            checker.sent(event.digest(), source.name());
            submitter.send(&event);
        }
        let deadline = Instant::now() + PATIENCE;
        while waiting > 0 && Instant::now() < deadline {
            match submitter.receive(Duration::from_millis(5)) {
                Some((digest, answer)) => {
                    checker.answered(digest, answer);
                    waiting -= 1;
                }
                None if !relay.process().is_running() => {
                    // What it said before it ended counts.
                    while let Some((digest, answer)) = submitter.receive(Duration::ZERO) {
                        checker.answered(digest, answer);
                    }
                    return true;
                }
                None => {}
            }
        }
    }
    false
}

/// A sync of the journal that came after one that failed.
fn synced_again(trace: &std::path::Path) -> Option<String> {
    let mut syncs = strace::calls(trace)
        .into_iter()
        .filter(|(call, _)| call.contains("sync(") && call.contains("journal.sqlite"))
        .skip_while(|(_, is_injected)| !is_injected);
    syncs.next()?;
    syncs.next().map(|(call, _)| call)
}
