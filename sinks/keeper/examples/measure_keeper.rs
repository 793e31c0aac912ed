//! Prints how fast keeper is: `cargo run --release -p keeper --example measure_keeper`, after `cargo build
//! --release -p lighthouse -p keeper`.
//!
//! From an event's submission to the start of the process that a rule runs for it, over a real relay
//! and with real commits; and what an event costs when there are a thousand rules, on one core.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::print_stdout, reason = "figures are what this program is for")]
#![expect(clippy::cast_precision_loss, reason = "counts of events, far below 2^52")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use keeper::{
    action::Means,
    batch::KeptEvent,
    ledger::Ledger,
    match_rules::{believe, matching},
    rules,
};
use laniakea_daemon::{Clock as _, SystemClock};
use laniakea_e2e::{KeeperSite, Module, Process, Signal, median_fsync, until};
use laniakea_event::{Object, Value};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

const ID: &str = "_lk.archive.package-upload-accepted";
const RULES: usize = 1_000;
const RATE: usize = 1_000;
const LATENCY_EVENTS: usize = 200;
/// Far enough apart that each has the machine to itself.
const GAP: Duration = Duration::from_millis(40);

fn main() -> anyhow::Result<()> {
    println!("{:<58} {:>14} {:>10}  bound", "keeper", "figure", "ratio");
    let fsync = median_fsync();
    row("the disk's fsync, median", &format!("{fsync:.2} ms"), None, "");
    for (what, rules) in [
        ("1 rule", one_rule()),
        ("1,000 rules of other ids", format!("{}{}", one_rule(), other_rules("debounce = \"1s\""))),
    ] {
        let times = latency(&rules)?;
        let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        let name = format!("event to process start, {what}, median");
        row(&name, &format!("{p50:.1} ms"), Some(p50 / fsync), "< 20 ms");
        row("  the slowest of a hundred", &format!("{p99:.1} ms"), None, "");
    }
    for (what, more) in [
        ("ids differ", None),
        ("data differs", Some("data = { repo = \"REPO\" }")),
        ("expression differs", Some("where = \"data.repo == 'REPO'\"")),
        ("no index helps", Some("where = \"data.repo in ['REPO', '?']\"")),
    ] {
        let (verify, matching) = cost(more)?;
        let name = format!("1,000 rules, {what}: matching, CPU an event");
        row(&name, &format!("{matching:.1} us"), Some(matching / verify), "< 1000 us");
    }
    let (us, seconds) = load()?;
    let name = format!("1,000 rules x {RATE} events/s: the whole keeper, CPU an event");
    row(&name, &format!("{us:.0} us"), Some(us / 1_000.0), "< 1 core");
    row("  from the last event to the last commit", &format!("{seconds:.2} s"), None, "");
    Ok(())
}

fn row(measure: &str, figure: &str, ratio: Option<f64>, bound: &str) {
    let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    println!("{measure:<58} {figure:>14} {ratio:>10}  {bound}");
}

fn one_rule() -> String {
    format!(
        "[[rule]]\nname = \"now\"\non = \"{ID}\"\nkey = \"{{{{ data.number }}}}\"\nconcurrency = 8\n\
         exec = {{ command = [\"/bin/date\", \"+%s%N\"] }}\n"
    )
}

fn other_rules(timing: &str) -> String {
    (1..RULES).fold(String::new(), |mut rules, number| {
        write!(
            rules,
            "[[rule]]\nname = \"other-{number}\"\non = \"org.example.other{number}.*\"\n{timing}\n\
             exec = {{ command = [\"/bin/true\"] }}\n"
        )
        .expect("a string takes everything");
        rules
    })
}

/// A keeper that runs with these rules.
fn site(rules: &str) -> KeeperSite {
    let mut site = KeeperSite::new(rules);
    site.configure("[runs]\nconcurrency = 8\n");
    site.start();
    site
}

fn ledger(site: &KeeperSite) -> PathBuf {
    site.path("keeper/keeper.sqlite")
}

/// From submission to the start of the process, in milliseconds, the shortest first.
fn latency(rules: &str) -> anyhow::Result<Vec<f64>> {
    let mut site = site(rules);
    let publisher = site.relay.publisher(4);
    let runtime = tokio::runtime::Runtime::new()?;
    let mut departures = Vec::new();
    for number in 0..LATENCY_EVENTS {
        let event = event(&site.archive, number).into_bytes();
        thread::sleep(GAP);
        departures.push(SystemClock.now().as_nanosecond());
        runtime.block_on(publisher.submit(event))?;
    }
    let ledger = ledger(&site);
    let started = until("all runs", || {
        let started = started(&ledger).ok()?;
        (started.len() == LATENCY_EVENTS).then_some(started)
    });
    site.stop(Signal::TERM);
    let mut times = Vec::new();
    for (number, at) in started {
        let departure = departures.get(number).context("a run of no event")?;
        times.push((at - departure) as f64 / 1e6);
    }
    times.sort_by(f64::total_cmp);
    ensure!(times.first().is_some_and(|time| *time > 0.0), "the clock was set");
    Ok(times)
}

/// The number of each event, and when the process of its run began.
fn started(ledger: &Path) -> anyhow::Result<Vec<(usize, i128)>> {
    let ledger = Ledger::open_to_read(ledger)?;
    let mut started = Vec::new();
    for run in ledger.runs(Some("now"), 10_000)? {
        let trail = ledger.run(run.run)?.context("a run is gone")?;
        let Some(attempt) = trail.attempts.first().filter(|attempt| attempt.ended.is_some()) else {
            bail!("a run still goes on");
        };
        started.push((run.key.parse()?, attempt.output.trim().parse()?));
    }
    Ok(started)
}

fn event(module: &Module, number: usize) -> laniakea_event::SignedEvent {
    let data = Object::from([
        ("repo".to_owned(), Value::from(format!("repo-{}", number % RULES))),
        ("number".to_owned(), number.into()),
    ]);
    module.event_with(ID, data)
}

/// CPU time that an event takes, in microseconds: to believe it, and to find the one rule of a
/// thousand that wants it.
fn cost(more: Option<&str>) -> anyhow::Result<(f64, f64)> {
    const EVENTS: usize = 1_000;
    let rules = (0..RULES).fold(String::new(), |mut text, number| {
        let on = if more.is_none() { format!("{ID}-{number}") } else { ID.to_owned() };
        let on = if number == 7 { ID.to_owned() } else { on };
        let more = more.unwrap_or_default().replace("REPO", &format!("repo-{number}"));
        write!(
            text,
            "[[rule]]\nname = \"rule-{number}\"\non = \"{on}\"\n{more}\nkey = \"{{{{ data.repo }}}}\"\n\
             exec = {{ command = [\"/bin/true\"] }}\n"
        )
        .expect("a string takes everything");
        text
    });
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("rules.toml"), rules)?;
    let Ok(rules) = rules::load(directory.path(), &Means::default()) else {
        bail!("the rules are wrong")
    };
    let (archive, relay) = (Module::new("archive-01"), Module::new("relay"));
    let trust = laniakea_event::Trust::new(
        keyring(&[&archive, &relay])?,
        [relay.key().signer().clone()].into(),
        [(archive.key().signer().clone(), vec![laniakea_event::EmitRule::parse("_lk.archive.")?])]
            .into(),
    );
    let frames: Vec<Vec<u8>> = (0..EVENTS).map(|n| event(&archive, n).into_bytes()).collect();
    let now = SystemClock.now();
    let (mut verify, mut find, mut found) = (0.0, 0.0, 0);
    for frame in frames {
        let start = cpu_us();
        let event = KeptEvent::parse(frame)?;
        let believed = believe(&event, &trust, now).map_err(anyhow::Error::msg)?;
        let middle = cpu_us();
        found += matching(&rules, &event, &believed).len();
        verify += middle - start;
        find += cpu_us() - middle;
    }
    ensure!(found == EVENTS, "{found} of {EVENTS} events found their rule");
    Ok((verify / EVENTS as f64, find / EVENTS as f64))
}

fn keyring(modules: &[&Module]) -> anyhow::Result<laniakea_event::Keyring> {
    let mut keyring = laniakea_event::Keyring::default();
    for key in modules.iter().map(|module| module.key()) {
        keyring.insert(key.signer().clone(), key.key_id().clone(), key.verifying_key())?;
    }
    Ok(keyring)
}

/// CPU time of this thread, in microseconds.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// What an event costs a keeper with a thousand rules that gets a thousand events a second, in
/// microseconds of CPU time, all threads together; and how far behind it was in the end.
fn load() -> anyhow::Result<(f64, f64)> {
    const SECONDS: usize = 10;
    let rules = (0..RULES).fold(String::new(), |mut text, number| {
        write!(
            text,
            "[[rule]]\nname = \"rule-{number}\"\non = \"_lk.archive.*\"\n\
             data = {{ repo = \"repo-{number}\" }}\nkey = \"{{{{ data.repo }}}}\"\ndebounce = \"1h\"\n\
             exec = {{ command = [\"/bin/true\"] }}\n"
        )
        .expect("a string takes everything");
        text
    });
    let mut site = site(&rules);
    let events: Vec<Vec<u8>> =
        (0..SECONDS * RATE).map(|number| event(&site.archive, number).into_bytes()).collect();
    let publisher = Arc::new(site.relay.publisher(1_000));
    let before = process_cpu(site.keeper())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let start = Instant::now();
    runtime.block_on(async {
        let mut replies = JoinSet::new();
        for (number, event) in (0_u32..).zip(events) {
            let due = start + Duration::from_secs(1) * number / u32::try_from(RATE)?;
            tokio::time::sleep_until(due.into()).await;
            let publisher = publisher.clone();
            replies.spawn(async move { publisher.submit(event).await });
        }
        while let Some(reply) = replies.join_next().await {
            reply??;
        }
        anyhow::Ok(())
    })?;
    let sent = Instant::now();
    let path = ledger(&site);
    let last = (SECONDS * RATE) as u64;
    until("everything to be taken", || {
        let position = Ledger::open_to_read(&path).ok()?.position().ok()??;
        (position.seq.0 >= last).then_some(())
    });
    let behind = sent.elapsed().as_secs_f64();
    let cpu = process_cpu(site.keeper())? - before;
    site.stop(Signal::TERM);
    Ok((cpu * 1e6 / last as f64, behind))
}

/// CPU time of a process without its children, in seconds.
fn process_cpu(process: &Process) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    let (_, rest) = stat.rsplit_once(')').context("no stat")?;
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    let ticks: f64 = ticks.sum::<Result<f64, _>>()?;
    Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
}
