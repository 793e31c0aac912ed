//! What the relay holds in memory when many subscribe.

use std::path::Path;

use crate::{
    load::Load,
    throughput::{receive, source, subscribe},
};

/// In one burst.
const EVENTS: usize = 2_000;

/// The relay's largest resident size in MiB.
pub(crate) fn with_subscribers(lighthouse: &Path, count: usize) -> anyhow::Result<f64> {
    let load = Load::new(EVENTS);
    let mut relay = load.relay(lighthouse);
    let context = zmq::Context::new();
    let sinks = (0..count).map(|_| subscribe(&context, &relay)).collect::<Result<Vec<_>, _>>()?;
    let source = source(&context, &relay)?;
    for event in &load.events {
        source.send(&event[..], 0)?;
    }
    for _ in 0..EVENTS {
        for sink in &sinks {
            receive(sink)?;
        }
    }
    Ok(relay.process().memory().peak_kib as f64 / 1024.0)
}
