//! What it costs to hand events to many: readers in another process take everything at once.

use std::{
    io::Write as _,
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use laniakea_e2e::Process;
use laniakea_event::Dialect;

use crate::{
    cpu::CpuTime,
    load::{Load, event},
    readers::{BEGIN, END, Read, now},
    zmtp,
};

/// How long readers may take beyond the load itself.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the last line of readers that have ended may be on its way.
const LAST_LINE: Duration = Duration::from_secs(2);
/// How often those who may have lost events are told that nothing more comes.
const TELL: Duration = Duration::from_millis(500);

/// Where a relay takes events and hands them out.
pub(crate) struct Site {
    pub(crate) submit: String,
    pub(crate) publish: String,
    /// The keys of encrypted readers, as the readers' process takes them.
    pub(crate) curve: Vec<String>,
    pub(crate) process: u32,
}

/// Events that are submitted in groups, so many a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) group: u32,
    pub(crate) rate: u32,
}

impl Pace {
    /// How many events that is.
    pub(crate) fn events(self, seconds: u32) -> usize {
        // Whole groups, and at least one.
        ((self.rate * seconds / self.group).max(1) * self.group) as usize
    }
}

/// What a relay did.
pub(crate) struct FanOut {
    /// Events a second, from the first submission to the last delivery.
    pub(crate) per_second: f64,
    /// The relay's CPU time for an event with all its deliveries, in microseconds.
    pub(crate) cpu_us: f64,
    /// Deliveries in a thousand that never came.
    pub(crate) lost: f64,
}

/// Hands these events of the load to so many readers.
pub(crate) fn measure(
    site: &Site,
    load: &Load,
    events: &[Vec<u8>],
    readers: usize,
    pace: Option<Pace>,
) -> anyhow::Result<FanOut> {
    let mut process = start_readers(site, readers, events.len())?;
    let mut source = zmtp::connect(&site.submit, "DEALER")?;
    wait_until_heard(&mut process, &mut source, load)?;
    let before = CpuTime::of(site.process)?;
    let start = now();
    submit(&mut source, events, pace)?;
    let read = wait_until_read(&mut process, &mut source, load)?;
    let cpu = CpuTime::of(site.process)?.since(before);
    let seconds = read.last.saturating_sub(start).as_secs_f64();
    let deliveries = (events.len() * readers) as f64;
    Ok(FanOut {
        per_second: read.events as f64 / readers as f64 / seconds,
        cpu_us: cpu.as_secs_f64() * 1e6 / events.len() as f64,
        lost: (1.0 - read.events as f64 / deliveries) * 1_000.0,
    })
}

fn start_readers(site: &Site, count: usize, events: usize) -> anyhow::Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["readers", &site.publish, &count.to_string(), &events.to_string()]);
    // Z85 may begin with a hyphen.
    command.arg("--").args(&site.curve);
    Ok(Process::start(&mut command))
}

/// A group is written at once, so that the relay has all of it to read.
pub(crate) fn submit(
    source: &mut TcpStream,
    events: &[Vec<u8>],
    pace: Option<Pace>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let group = pace.map_or(64, |pace| pace.group);
    for (number, events) in (0_u32..).zip(events.chunks(group as usize)) {
        if let Some(pace) = pace {
            let due = Duration::from_secs(1) * number * group / pace.rate;
            thread::sleep(due.saturating_sub(start.elapsed()));
        }
        let mut bytes = Vec::new();
        for event in events {
            zmtp::push_message(&mut bytes, event);
        }
        source.write_all(&bytes).context("the relay takes no more events")?;
    }
    Ok(())
}

/// Sends events of which nobody keeps count, until every reader has had one.
fn wait_until_heard(
    readers: &mut Process,
    source: &mut TcpStream,
    load: &Load,
) -> anyhow::Result<()> {
    repeat(readers, "the readers to hear the relay", Duration::from_millis(20), |lines| {
        if lines.iter().any(|line| line == "ready") {
            return Ok(Some(()));
        }
        submit(source, &[mark(load, BEGIN)], None)?;
        Ok(None)
    })
}

fn wait_until_read(
    readers: &mut Process,
    source: &mut TcpStream,
    load: &Load,
) -> anyhow::Result<Read> {
    let mut told = Instant::now();
    repeat(readers, "the readers to have everything", Duration::from_millis(5), |lines| {
        if let Some(read) = lines.iter().find_map(|line| Read::parse(line)) {
            return Ok(Some(read));
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            submit(source, &[mark(load, END)], None)?;
        }
        Ok(None)
    })
}

/// An event for the readers themselves.
fn mark(load: &Load, id: &str) -> Vec<u8> {
    event(&load.module, Dialect::Both, id, 0)
}

/// Looks at what the readers printed until that says something.
fn repeat<T>(
    readers: &mut Process,
    what: &str,
    pause: Duration,
    mut look: impl FnMut(&[String]) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    let mut ran = start;
    loop {
        if readers.is_running() {
            ran = Instant::now();
        }
        if let Some(result) = look(&readers.output())? {
            return Ok(result);
        }
        anyhow::ensure!(ran.elapsed() < LAST_LINE, "the readers ended: {:?}", readers.output());
        anyhow::ensure!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_makes_whole_groups() {
        assert_eq!(Pace { group: 250, rate: 2_500 }.events(2), 5_000);
        assert_eq!(Pace { group: 50, rate: 120 }.events(1), 100);
        assert_eq!(Pace { group: 50, rate: 10 }.events(1), 50);
    }
}
