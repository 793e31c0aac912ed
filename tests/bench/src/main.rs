//! Measures the relay against the cost of its cryptography, all in one run on one machine; or against
//! another build and a relay in Python.
//!
//! Machines differ and are noisy, so what counts are the ratios. `make bench` and `make bench-compare`
//! run it in release.

#![expect(clippy::print_stdout, reason = "the figures")]
#![expect(clippy::cast_precision_loss, reason = "counts of events, far below 2^52")]

mod catch_up;
mod compare;
mod comparison;
mod cpu;
mod crypto;
mod fan_out;
mod latency;
mod listen;
mod load;
mod memory;
mod python;
mod readers;
mod throughput;
mod zmtp;

use std::fmt::Display;

use clap::{Parser, Subcommand};
use laniakea_e2e::{binary, median_fsync};

use crate::load::Load;

/// Measures the relay of the same build.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Events of the longer measurements.
    #[arg(default_value_t = 60_000)]
    events: usize,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures two builds in turn.
    Compare(compare::Compare),
    /// Subscribes and reads: what the other commands start.
    Readers(readers::Readers),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Compare(compare)) => compare.run(),
        Some(Command::Readers(readers)) => readers.run(),
        None => measure(arguments.events),
    }
}

/// Prints what the relay of this build does, and what it should.
fn measure(events: usize) -> anyhow::Result<()> {
    println!("{:<58} {:>14} {:>10}  bound", "measure", "figure", "ratio");
    let crypto = crypto::measure();
    let per_second = |rate: f64| format!("{rate:.0}/s");
    row("verify_strict + sign, CPU an event", &format!("{:.1} us", crypto.cpu_us), None, "");
    row("verify_strict + sign, both cores", &per_second(crypto.both_cores), None, "");

    let lighthouse = &binary("lighthouse");
    let load = Load::new(events);
    let one_way = throughput::one_way(lighthouse, &load, &load.events)?;
    let cpu = one_way.relay_cpu_us / crypto.cpu_us;
    row("relay, CPU an event", &format!("{:.1} us", one_way.relay_cpu_us), Some(cpu), "<= 1.4");
    let ratio = one_way.per_second / crypto.both_cores;
    row("source to sink", &per_second(one_way.per_second), Some(ratio), ">= 0.55");
    let acknowledged = throughput::acknowledged(lighthouse, &load, &load.events, 256)?;
    let ratio = acknowledged / crypto.both_cores;
    row("acknowledged submissions, window 256", &per_second(acknowledged), Some(ratio), ">= 0.45");

    row("fsync of 4 KiB, median", &format!("{:.2} ms", median_fsync()), None, "");
    let latency = latency::measure(lighthouse, 5_000)?;
    row("submit to delivery at 500/s, p50", &format!("{:.2} ms", latency.p50_ms), None, "< 2 ms");
    row("submit to delivery at 500/s, p99", &format!("{:.2} ms", latency.p99_ms), None, "< 10 ms");

    let memory_mib = memory::with_subscribers(lighthouse, 200)?;
    row("relay's memory with 200 subscribers", &format!("{memory_mib:.0} MiB"), None, "< 95 MiB");
    let caught_up = catch_up::measure(lighthouse, &load, &load.events)?;
    row("catching up, one connection", &per_second(caught_up), None, ">= 50000/s");
    Ok(())
}

fn row(measure: &str, figure: &impl Display, ratio: Option<f64>, bound: &str) {
    let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
    println!("{measure:<58} {figure:>14} {ratio:>10}  {bound}");
}
