//! How many events a second, journal on and fsync real.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use laniakea_e2e::{RunningRelay, until};

use crate::{
    cpu::CpuTime,
    load::{ID, Load},
};

pub(crate) struct OneWay {
    /// From the first submission to the last delivery.
    pub(crate) per_second: f64,
    pub(crate) relay_cpu_us: f64,
}

/// Generator and subscriber on the relay's own cores, as a Laniakea module and sink would be.
pub(crate) fn one_way(
    lighthouse: &Path,
    load: &Load,
    events: &[Vec<u8>],
) -> anyhow::Result<OneWay> {
    let mut relay = load.relay(lighthouse);
    let context = zmq::Context::new();
    let sink = subscribe(&context, &relay)?;
    let source = source(&context, &relay)?;
    let process = relay.process().id();
    let before = CpuTime::of(process)?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let sender =
            scope.spawn(move || events.iter().try_for_each(|event| source.send(&event[..], 0)));
        for _ in events {
            receive(&sink)?;
        }
        let elapsed = start.elapsed().as_secs_f64();
        sender.join().ok().context("the sender panicked")??;
        let cpu = CpuTime::of(process)?.since(before);
        let count = events.len() as f64;
        Ok(OneWay { per_second: count / elapsed, relay_cpu_us: cpu.as_secs_f64() / count * 1e6 })
    })
}

/// Submissions with replies, so many at a time.
pub(crate) fn acknowledged(
    lighthouse: &Path,
    load: &Load,
    events: &[Vec<u8>],
    window: usize,
) -> anyhow::Result<f64> {
    let relay = load.relay(lighthouse);
    let context = zmq::Context::new();
    let source = source(&context, &relay)?;
    let start = Instant::now();
    let mut waiting = 0;
    for event in events {
        source.send_multipart([&event[..], b"id"], 0)?;
        waiting += 1;
        while waiting >= window {
            waiting -= receive_replies(&source)?;
        }
    }
    while waiting > 0 {
        waiting -= receive_replies(&source)?;
    }
    Ok(events.len() as f64 / start.elapsed().as_secs_f64())
}

/// At least one reply, and all that are there.
fn receive_replies(source: &zmq::Socket) -> anyhow::Result<usize> {
    let mut count = 0;
    let mut flags = 0;
    loop {
        match source.recv_multipart(flags) {
            Ok(frames) => {
                anyhow::ensure!(frames[1].starts_with(b"{\"ok\":true"), "an event was rejected");
                count += 1;
                flags = zmq::DONTWAIT;
            }
            Err(zmq::Error::EAGAIN) if count > 0 => return Ok(count),
            Err(error) => return Err(error.into()),
        }
    }
}

pub(crate) fn source(context: &zmq::Context, relay: &RunningRelay) -> anyhow::Result<zmq::Socket> {
    let socket = context.socket(zmq::DEALER)?;
    socket.set_sndhwm(1_000)?;
    socket.set_rcvtimeo(30_000)?;
    socket.connect(&relay.endpoints().submit)?;
    Ok(socket)
}

/// A subscriber that is known to receive. It never drops: the queue is longer than the load.
pub(crate) fn subscribe(
    context: &zmq::Context,
    relay: &RunningRelay,
) -> anyhow::Result<zmq::Socket> {
    let socket = context.socket(zmq::SUB)?;
    socket.set_rcvhwm(0)?;
    socket.set_rcvtimeo(30_000)?;
    socket.connect(&relay.endpoints().publish)?;
    socket.set_subscribe(ID.as_bytes())?;
    wait_for_subscriptions(relay, 1)?;
    Ok(socket)
}

/// Asks the relay until it counts a subscription.
pub(crate) fn wait_for_subscriptions(relay: &RunningRelay, count: u64) -> anyhow::Result<()> {
    let patience = Duration::from_secs(10);
    let mut client = laniakea_wire::replay::ReplayClient::connect(
        &relay.endpoints().replay,
        &laniakea_wire::curve::Security::Plain,
        patience,
    )?;
    until("the subscriptions", || {
        let answer = client.request(&laniakea_wire::replay::Request::Status(None)).ok()?;
        (answer.header.counters?.get("subscriptions") >= Some(&count)).then_some(())
    });
    Ok(())
}

pub(crate) fn receive(sink: &zmq::Socket) -> anyhow::Result<Vec<u8>> {
    let mut frames = sink.recv_multipart(0).context("an event did not arrive")?;
    frames.pop().context("a message without frames")
}
