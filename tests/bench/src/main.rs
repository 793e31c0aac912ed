//! Measures the relay against the cost of its cryptography, all in one run on one machine.
//!
//! Machines differ and are noisy, so what counts are the ratios. `make bench` runs it in release.

#![expect(clippy::print_stdout, reason = "the figures")]
#![expect(clippy::cast_precision_loss, reason = "counts of events, far below 2^52")]

mod catch_up;
mod crypto;
mod latency;
mod load;
mod memory;
mod throughput;

use std::fmt::Display;

use crate::load::Load;

fn main() -> anyhow::Result<()> {
    let events: usize = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 60_000,
    };
    println!("{:<58} {:>14} {:>10}  bound", "measure", "figure", "ratio");
    let crypto = crypto::measure();
    let per_second = |rate: f64| format!("{rate:.0}/s");
    row("verify_strict + sign, CPU an event", &format!("{:.1} us", crypto.cpu_us), None, "");
    row("verify_strict + sign, both cores", &per_second(crypto.both_cores), None, "");

    let load = Load::new(events);
    let one_way = throughput::one_way(&load)?;
    let cpu = one_way.relay_cpu_us / crypto.cpu_us;
    row("relay, CPU an event", &format!("{:.1} us", one_way.relay_cpu_us), Some(cpu), "<= 1.4");
    let ratio = one_way.per_second / crypto.both_cores;
    row("source to sink", &per_second(one_way.per_second), Some(ratio), ">= 0.55");
    let acknowledged = throughput::acknowledged(&load, 256)?;
    let ratio = acknowledged / crypto.both_cores;
    row("acknowledged submissions, window 256", &per_second(acknowledged), Some(ratio), ">= 0.45");

    let (fsync_ms, latency) = latency::measure()?;
    row("fsync of 4 KiB, median", &format!("{fsync_ms:.2} ms"), None, "");
    row("submit to delivery at 500/s, p50", &format!("{:.2} ms", latency.p50_ms), None, "< 2 ms");
    row("submit to delivery at 500/s, p99", &format!("{:.2} ms", latency.p99_ms), None, "< 10 ms");

    let memory_mib = memory::with_subscribers(200)?;
    row("relay's memory with 200 subscribers", &format!("{memory_mib:.0} MiB"), None, "< 95 MiB");
    let caught_up = catch_up::measure(&load)?;
    row("catching up, one connection", &per_second(caught_up), None, ">= 50000/s");
    Ok(())
}

fn row(measure: &str, figure: &impl Display, ratio: Option<f64>, bound: &str) {
    let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    println!("{measure:<58} {figure:>14} {ratio:>10}  {bound}");
}
