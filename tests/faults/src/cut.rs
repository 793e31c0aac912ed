//! The network between source, relay and sinks is cut, and hosts vanish without a word.

use std::time::Duration;

use laniakea_e2e::{Relay, Signal};

use crate::{
    Outcome, Scale,
    namespaces::{Host, Hosts},
    stream::{AGAIN, ONCE, Place, Stream, pass},
};

/// Events a second.
const RATE: u32 = 200;
/// How long the cable is out, in milliseconds, at full size: each for source and sink.
const CUTS: &[u64] = &[1_000, 2_000, 4_000, 8_000, 13_000, 20_000, 35_000, 60_000];
const REDUCED_CUTS: &[u64] = &[1_000, 2_500];
/// How long a host that vanished is away.
const AWAY: &[u64] = &[3_000, 25_000];
const REDUCED_AWAY: &[u64] = &[1_500];
/// How long the first event may take once the way is there.
const MAX_RECOVERY: Duration = Duration::from_secs(10);

/// Runs the trial.
pub fn run(scale: &Scale) -> Outcome {
    let mut outcome =
        Outcome { name: "cut", max_recovery: Some(MAX_RECOVERY), ..Outcome::default() };
    if let Some(why) = Hosts::missing() {
        outcome.skipped = Some(why);
        return outcome;
    }
    let hosts = Hosts::new();
    let place = |host: Host| Place {
        wrapper: ["ip", "netns", "exec", &hosts.name(host)].map(str::to_owned).to_vec(),
        address: Some(host.relay_address()),
    };
    let relay = Relay::new().address("0.0.0.0").under(&["ip", "netns", "exec", &hosts.relay()]);
    let mut stream = Stream::begin(relay, RATE, place(Host::Source), &place(Host::Sink));
    stream.fault();
    assert!(stream.flows(Duration::from_secs(30)), "events flow before anything breaks");
    let (cuts, away) = if scale.is_whole() { (CUTS, AWAY) } else { (REDUCED_CUTS, REDUCED_AWAY) };
    for &time in cuts {
        for host in [Host::Source, Host::Sink] {
            hosts.pull(host);
            pass(Duration::from_millis(time));
            hosts.plug(host);
            let what = format!("the cable of {host:?} out for {time} ms");
            recover(&stream, &what, &mut outcome);
        }
    }
    for &time in away {
        for who in [Vanishes::Source, Vanishes::Sinks, Vanishes::Relay] {
            vanish(&mut stream, &hosts, who, Duration::from_millis(time));
            let what = format!("the host of {who:?} away for {time} ms");
            recover(&stream, &what, &mut outcome);
        }
    }
    let findings = stream.end();
    if findings.unacknowledged > 0 {
        outcome.wrong.push(format!("{} events were never taken", findings.unacknowledged));
    }
    outcome.findings = findings;
    outcome
}

/// Waits until events flow, and notes how long that took.
fn recover(stream: &Stream, what: &str, outcome: &mut Outcome) {
    stream.forget_longest();
    stream.way_is_there();
    let mut flows = stream.flows(MAX_RECOVERY * 3);
    let first = stream.longest();
    outcome.faults += 1;
    outcome.recovered(first);
    stream.forget_longest();
    stream.fault();
    flows &= stream.flows(MAX_RECOVERY * 6);
    let rest = stream.longest();
    outcome
        .notes
        .push(format!("{what}: the first event after {first:.2?}, new ones after {rest:.2?} more"));
    if !flows {
        outcome.wrong.push(format!("{what}: events did not flow again"));
    }
}

#[derive(Debug, Clone, Copy)]
enum Vanishes {
    Source,
    Sinks,
    Relay,
}

/// A host goes without a FIN, and comes again under the same address.
fn vanish(stream: &mut Stream, hosts: &Hosts, who: Vanishes, time: Duration) {
    match who {
        Vanishes::Source => {
            hosts.pull(Host::Source);
            stream.kill_source();
            hosts.vanish(Host::Source);
            pass(time);
            hosts.add(Host::Source);
            stream.start_source();
        }
        Vanishes::Sinks => {
            hosts.pull(Host::Sink);
            stream.kill_sink(ONCE);
            stream.kill_sink(AGAIN);
            hosts.vanish(Host::Sink);
            pass(time);
            hosts.add(Host::Sink);
            stream.start_sink(ONCE);
            stream.start_sink(AGAIN);
        }
        Vanishes::Relay => {
            hosts.pull(Host::Source);
            hosts.pull(Host::Sink);
            stream.relay.stop(Signal::KILL);
            pass(time);
            hosts.plug(Host::Source);
            hosts.plug(Host::Sink);
            stream.relay.start();
        }
    }
}
