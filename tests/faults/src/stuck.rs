//! Subscribers that stop reading, beside one that goes on.

use std::time::Duration;

use laniakea_e2e::{Relay, Signal};

use crate::{
    Outcome, Scale,
    stream::{AGAIN, ONCE, Place, Stream, pass},
};

/// Events a second.
const RATE: u32 = if cfg!(debug_assertions) { 500 } else { 2_000 };
/// How long they do not read, and how long it is measured before, at full size and at least.
const STUCK: u64 = 40;
const MIN_STUCK: u64 = 4;
/// Raw subscribers that never read anything.
const NEVER: usize = 3;
/// The one that goes on may become slower by a tenth and [`MAX_SLOWER`]; in reduced runs, beside which others
/// use the processors, by as much again.
const SHARE: u32 = if cfg!(debug_assertions) { 1 } else { 10 };
const MAX_SLOWER: Duration = Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 30 });
/// What the relay may hold for all of them: what ZeroMQ queues, which is bounded.
const MAX_GROWTH_KIB: u64 = 48 << 10;
/// How long the one that was stopped may take until it has everything.
const MAX_RECOVERY: Duration = Duration::from_secs(20);

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let time = Duration::from_secs(scale.of(STUCK).max(MIN_STUCK));
    let mut stream = Stream::begin(Relay::new(), RATE, Place::default(), &Place::default());
    stream.fault();
    assert!(stream.flows(Duration::from_secs(30)), "events flow before anything breaks");
    pass(time / 2);
    stream.p99(ONCE);
    pass(time);
    let (before, memory) = (stream.p99(ONCE), stream.relay.process().memory());
    let context = zmq::Context::new();
    let never: Vec<zmq::Socket> = (0..NEVER).map(|_| never_reads(&context, &stream)).collect();
    stream.sink(AGAIN).signal(Signal::STOP);
    pass(time);
    let (during, grown) = (stream.p99(ONCE), stream.relay.process().memory());
    let behind = stream.progress();
    stream.fault();
    stream.sink(AGAIN).signal(Signal::CONT);
    let flows = stream.flows(MAX_RECOVERY * 2);
    drop(never);
    let growth = grown.resident_kib.saturating_sub(memory.resident_kib);
    let mut outcome = Outcome {
        name: "stuck",
        faults: 1 + NEVER as u64,
        recovery: Some(stream.longest()),
        max_recovery: Some(MAX_RECOVERY),
        notes: vec![
            format!(
                "{RATE} events a second, {time:?} stuck: the other one's p99 was {before:.1?} and \
                 then {during:.1?}; the relay grew by {} MiB to {} MiB",
                growth >> 10,
                grown.resident_kib >> 10
            ),
            format!(
                "the one that was stopped was {} events behind",
                behind.0.saturating_sub(behind.2[AGAIN])
            ),
        ],
        ..Outcome::default()
    };
    if during > before + before / SHARE + MAX_SLOWER {
        outcome.wrong.push(format!("the other one's p99 rose from {before:?} to {during:?}"));
    }
    if growth > MAX_GROWTH_KIB {
        outcome.wrong.push(format!("the relay grew by {growth} KiB"));
    }
    if !flows {
        outcome.wrong.push("the one that was stopped did not catch up".to_owned());
    }
    outcome.findings = stream.end();
    outcome
}

fn never_reads(context: &zmq::Context, stream: &Stream) -> zmq::Socket {
    let socket = context.socket(zmq::SUB).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_subscribe(b"").unwrap();
    socket.connect(&stream.relay.endpoints().publish).unwrap();
    socket
}
