//! How long one event takes when the relay has little to do.

use std::time::{Duration, Instant};

use laniakea_e2e::median_fsync;

use crate::{
    load::{Load, event},
    throughput::{receive, source, subscribe},
};

const RATE: u32 = 500;
const EVENTS: usize = 5_000;

pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// The disk's fsync in milliseconds, and submit to delivery.
pub(crate) fn measure() -> anyhow::Result<(f64, Latency)> {
    let fsync = median_fsync();
    let load = Load::new(0);
    let relay = load.relay();
    let context = zmq::Context::new();
    let sink = subscribe(&context, &relay)?;
    let source = source(&context, &relay)?;
    let events: Vec<Vec<u8>> = (0..EVENTS).map(|number| event(&load.module, number)).collect();
    let arrivals = std::thread::spawn(move || {
        (0..EVENTS).map(|_| receive(&sink).map(|_| Instant::now())).collect::<Result<Vec<_>, _>>()
    });
    let start = Instant::now();
    let mut departures = Vec::with_capacity(EVENTS);
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
    Ok((fsync, Latency { p50_ms: times[EVENTS / 2], p99_ms: times[EVENTS * 99 / 100] }))
}
