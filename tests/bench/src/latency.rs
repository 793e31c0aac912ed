//! How long one event takes when the relay has little to do.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use laniakea_event::Dialect;

use crate::{
    load::{ID, Load, event},
    throughput::{receive, source, subscribe},
};

const RATE: u32 = 500;

pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// From submit to delivery, of so many events.
pub(crate) fn measure(lighthouse: &Path, count: usize) -> anyhow::Result<Latency> {
    let load = Load::new(0);
    let relay = load.relay(lighthouse);
    let context = zmq::Context::new();
    let sink = subscribe(&context, &relay)?;
    let source = source(&context, &relay)?;
    let event = |number| event(&load.module, Dialect::Seed, ID, number);
    let events: Vec<Vec<u8>> = (0..count).map(event).collect();
    let arrivals = std::thread::spawn(move || {
        (0..count).map(|_| receive(&sink).map(|_| Instant::now())).collect::<Result<Vec<_>, _>>()
    });
    let start = Instant::now();
    let mut departures = Vec::with_capacity(count);
    for (number, event) in (0_u32..).zip(&events) {
        let due = start + Duration::from_secs(1) * number / RATE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        departures.push(Instant::now());
        source.send(&event[..], 0)?;
    }
    let arrivals = arrivals.join().map_err(|_| anyhow::anyhow!("the subscriber panicked"))??;
    let mut times: Vec<f64> = departures
        .iter()
        .zip(arrivals)
        .map(|(departure, arrival)| (arrival - *departure).as_secs_f64() * 1e3)
        .collect();
    times.sort_by(f64::total_cmp);
    Ok(Latency { p50_ms: times[count / 2], p99_ms: times[count * 99 / 100] })
}
