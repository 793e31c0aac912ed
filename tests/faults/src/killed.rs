//! Relay, source and sinks are killed at random moments under load, and started again at once.

use std::time::Duration;

use laniakea_e2e::{Relay, Signal};

use crate::{
    Outcome, Scale,
    stream::{AGAIN, ONCE, Place, Stream, pass},
};

/// Events a second.
const RATE: u32 = 500;
/// Kills at full size.
const KILLS: u64 = 1_000;
/// Between two kills, in milliseconds.
const PAUSES: std::ops::Range<u64> = 20..600;
/// How long events may take to flow again after a kill; others come meanwhile.
const MAX_RECOVERY: Duration = Duration::from_secs(10);

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let mut rng = scale.rng(1);
    let mut stream = Stream::begin(Relay::new(), RATE, Place::default(), &Place::default());
    let mut victims = [0_u64; 4];
    stream.fault();
    assert!(stream.flows(MAX_RECOVERY * 3), "events flow before anything breaks");
    let begin = stream.longest();
    for _ in 0..scale.of(KILLS) {
        pass(Duration::from_millis(rng.u64(PAUSES)));
        let victim = rng.usize(..4);
        victims[victim] += 1;
        stream.fault();
        match victim {
            0 => {
                stream.relay.stop(Signal::KILL);
                stream.relay.start();
            }
            1 => {
                stream.kill_source();
                stream.start_source();
            }
            2 => {
                stream.kill_sink(ONCE);
                stream.start_sink(ONCE);
            }
            _ => {
                stream.kill_sink(AGAIN);
                stream.start_sink(AGAIN);
            }
        }
    }
    let flows = stream.flows(MAX_RECOVERY * 3);
    let [relays, sources, once, again] = victims;
    let mut outcome = Outcome {
        name: "killed",
        faults: scale.of(KILLS),
        recovery: Some(stream.longest()),
        max_recovery: Some(MAX_RECOVERY.max(begin)),
        notes: vec![format!(
            "SIGKILL of the relay {relays}, the source {sources}, the sink that is its own position \
             {once}, the sink with a cursor {again} times, at {RATE} events a second"
        )],
        ..Outcome::default()
    };
    if !flows {
        outcome.wrong.push("events did not flow again".to_owned());
    }
    outcome.findings = stream.end();
    if outcome.findings.unacknowledged > 0 {
        let count = outcome.findings.unacknowledged;
        outcome.wrong.push(format!("{count} events were never acknowledged"));
    }
    outcome
}
