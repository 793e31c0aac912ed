//! Prints how fast the journal is: `cargo run --release -p laniakea-journal-sqlite --example
//! measure -- --events 1000000`.
//!
//! The events are signed and verified beforehand, a batch at a time, and only the journal's own
//! work is timed: on the clock, and as CPU time of the thread that appends.

#![expect(clippy::print_stdout, reason = "figures are what this program is for")]

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use laniakea_event::{Prefix, Seq};
use laniakea_journal::{
    Appended, Budget, Entry, Journal, Query,
    conformance::fixture::{self, at, event},
};
use laniakea_journal_sqlite::SqliteJournal;
use rustix::time::{ClockId, clock_gettime};
use uuid::{NoContext, Uuid};

/// How fast is the journal?
#[derive(Debug, Parser)]
struct Arguments {
    /// How many events to append.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// How many of them in one group.
    #[arg(long, default_value_t = 100)]
    group: usize,
    /// How many more to append one by one.
    #[arg(long, default_value_t = 5_000)]
    single: u64,
    /// Where to make the journal, which is removed in the end [default: the system's directory
    /// for temporary files, which should not be in memory].
    #[arg(long)]
    directory: Option<PathBuf>,
}

/// So many events are made before they are appended.
const BATCH: u64 = 20_000;

/// One event among so many has the id that the hardest search is for.
const RARE: u64 = 40_000;

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let directory = match &arguments.directory {
        Some(directory) => tempfile::tempdir_in(directory),
        None => tempfile::tempdir(),
    };
    let directory = directory.context("could not make a directory")?;
    let path = directory.path().join("journal.sqlite");
    let journal = open(&path)?;
    let mut digests = Vec::new();
    append_groups(&journal, &arguments, &mut digests)?;
    if arguments.single > 0 {
        append_singly(&journal, arguments.events, arguments.single)?;
    }
    let (opened, journal) = timed(|| {
        drop(journal);
        open(&path)
    });
    println!("open: {:.0} ms after {} events", milliseconds(opened), arguments.events);
    read_pages(&journal?, &digests)
}

fn open(path: &Path) -> anyhow::Result<SqliteJournal> {
    let new_id = Uuid::from_u64_pair(1, 1);
    SqliteJournal::open(path, fixture::relay(), new_id).context("could not open the journal")
}

/// Appends all events in groups; keeps a digest now and then.
fn append_groups(
    journal: &SqliteJournal,
    arguments: &Arguments,
    digests: &mut Vec<laniakea_event::Digest>,
) -> anyhow::Result<()> {
    let (mut on_clock, mut on_cpu) = (Duration::ZERO, Duration::ZERO);
    let mut calls = Vec::new();
    let mut bytes = 0;
    for start in (0..arguments.events).step_by(usize::try_from(BATCH)?) {
        let mut entries = entries(start..(start + BATCH).min(arguments.events)).into_iter();
        digests.extend(entries.as_slice().first().map(|entry| entry.event.digest()));
        while entries.len() > 0 {
            let group: Vec<Entry> = entries.by_ref().take(arguments.group).collect();
            let cpu = cpu_time();
            let (took, appended) = timed(|| journal.append(group));
            on_cpu += cpu_time().saturating_sub(cpu);
            on_clock += took;
            calls.push(took);
            for outcome in appended? {
                let Appended::Journaled(event) = outcome else {
                    anyhow::bail!("an event was not new: {outcome:?}");
                };
                bytes += event.frame().len();
            }
        }
    }
    let events = as_f64(arguments.events);
    println!(
        "append in groups of {}: {:.0} events/s, {:.1} µs of CPU an event, frames of {:.0} bytes",
        arguments.group,
        events / on_clock.as_secs_f64(),
        on_cpu.as_secs_f64() * 1e6 / events,
        as_f64(bytes as u64) / events,
    );
    print_calls("  one group", calls);
    Ok(())
}

/// Appends some events one by one.
fn append_singly(journal: &SqliteJournal, start: u64, count: u64) -> anyhow::Result<()> {
    let mut calls = Vec::new();
    let mut on_cpu = Duration::ZERO;
    for entry in entries(start..start + count) {
        let cpu = cpu_time();
        let (took, appended) = timed(|| journal.append(vec![entry]));
        on_cpu += cpu_time().saturating_sub(cpu);
        appended?;
        calls.push(took);
    }
    let cpu = on_cpu.as_secs_f64() * 1e6 / as_f64(count);
    println!("append singly: {cpu:.0} µs of CPU an event");
    print_calls("  one event", calls);
    Ok(())
}

/// Reads from all over the journal.
fn read_pages(journal: &SqliteJournal, digests: &[laniakea_event::Digest]) -> anyhow::Result<()> {
    let last = journal.bounds()?.last.0;
    let filters: [(&str, &[&str]); 5] = [
        ("no filter", &[]),
        ("a broad prefix", &["_lk."]),
        ("one id of forty", &["_lk.archive.type-7"]),
        ("two prefixes", &["_lk.archive.type-7", "org.example."]),
        ("a rare id", &["org.example.rare"]),
    ];
    for (name, prefixes) in filters {
        let prefixes: Result<Vec<Prefix>, _> =
            prefixes.iter().map(|text| Prefix::parse(text)).collect();
        let prefixes = prefixes?;
        let mut calls = Vec::new();
        let mut events = 0;
        for part in 0..50 {
            let after = Seq(last / 50 * part);
            let query = Query {
                after,
                prefixes: prefixes.clone(),
                limit: 500,
                max_bytes: 4 << 20,
                budget: Budget::UNLIMITED,
            };
            let (took, page) = timed(|| journal.read(&query));
            events += page?.events.len();
            calls.push(took);
        }
        print_calls(&format!("read, {name}, {} events", events / 50), calls);
    }
    let mut found = Vec::new();
    for digest in digests {
        let (took, event) = timed(|| journal.find(digest));
        event?.context("an event is not found")?;
        found.push(took);
    }
    print_calls("find by digest", found);
    let moments = (0..50).map(|part| received(last / 50 * part));
    let moments = moments.map(|time| timed(|| journal.position_at(time, Budget::UNLIMITED)).0);
    print_calls("find by time", moments.collect());
    catch_up(journal, last)
}

fn catch_up(journal: &SqliteJournal, last: u64) -> anyhow::Result<()> {
    let mut query = Query {
        after: Seq::START,
        prefixes: Vec::new(),
        limit: 500,
        max_bytes: 4 << 20,
        budget: Budget::UNLIMITED,
    };
    let start = Instant::now();
    while query.after.0 < last {
        query.after = journal.read(&query)?.next;
    }
    println!("catch up: {:.0} events/s", as_f64(last) / start.elapsed().as_secs_f64());
    Ok(())
}

/// Signed and verified events, made on every core.
fn entries(numbers: std::ops::Range<u64>) -> Vec<Entry> {
    let numbers: Vec<u64> = numbers.collect();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let parts = numbers.chunks(numbers.len().div_ceil(cores).max(1));
        let parts: Vec<_> = parts
            .map(|part| {
                scope.spawn(|| part.iter().map(|&number| entry(number)).collect::<Vec<_>>())
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("the fixture does not panic"))
            .collect()
    })
}

/// Every fourth event is in the Laniakea dialect.
fn entry(number: u64) -> Entry {
    let id = if number % RARE == RARE - 1 {
        "org.example.rare".to_owned()
    } else {
        format!("_lk.archive.type-{}", number * 7 / 3 % 40)
    };
    let time = received(number);
    let event = event(id, number).emitted(time).received(time).padding(230);
    if number.is_multiple_of(4) { event.uuid(uuid(time).as_u128()).entry() } else { event.entry() }
}

fn received(number: u64) -> Timestamp {
    at(0) + SignedDuration::from_micros(number.cast_signed() * 20)
}

fn uuid(time: Timestamp) -> Uuid {
    let seconds = u64::try_from(time.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(time.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v1(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds), b"source")
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn print_calls(name: &str, mut calls: Vec<Duration>) {
    calls.sort();
    let at = |share: usize| milliseconds(calls[(calls.len() - 1) * share / 100]);
    println!("{name}: median {:.2} ms, 99 % {:.2} ms, longest {:.2} ms", at(50), at(99), at(100));
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "figures are printed with few digits")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
