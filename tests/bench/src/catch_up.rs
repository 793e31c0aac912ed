//! How fast a consumer that was away catches up.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use laniakea_e2e::until;
use laniakea_event::Seq;
use laniakea_wire::replay::{From, Read, ReplayClient, Request};

use crate::{load::Load, throughput::source};

/// Events a second over one connection, page after page.
pub(crate) fn measure(lighthouse: &Path, load: &Load, events: &[Vec<u8>]) -> anyhow::Result<f64> {
    let relay = load.relay(lighthouse);
    let context = zmq::Context::new();
    let source = source(&context, &relay)?;
    for event in events {
        source.send(&event[..], 0)?;
    }
    let mut client = ReplayClient::connect(
        &relay.endpoints().replay,
        &laniakea_wire::curve::Security::Plain,
        Duration::from_secs(30),
    )?;
    until("the events to be journaled", || {
        let header = client.request(&Request::Status(None)).ok()?.header;
        (header.last.0 == events.len() as u64).then_some(())
    });
    let start = Instant::now();
    let mut after = Seq::START;
    let mut count = 0;
    loop {
        let read = Read { from: From::After(after), prefixes: Vec::new(), limit: 1_000 };
        let answer = client.request(&Request::Read(read))?;
        count += answer.events.len();
        after = answer.header.next.unwrap_or(after);
        if after == answer.header.last {
            break;
        }
    }
    anyhow::ensure!(count == events.len(), "{count} events came back");
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
