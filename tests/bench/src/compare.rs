//! Measures the programs of two builds in turn, and a relay in Python beside them.
//!
//! Machines are noisy, so nobody is measured twice in a row, and ratios are made within a round.

use std::path::{Path, PathBuf};

use clap::Args;
use laniakea_e2e::RunningRelay;
use laniakea_event::Dialect;

use crate::{
    catch_up,
    comparison::{Comparison, Competitor, Figure, Unit},
    fan_out::{self, FanOut, Pace, Site},
    latency, listen,
    load::Load,
    memory,
    python::PythonRelay,
    throughput,
};

/// Groups are as large as those that are written at once, where the relay takes them together.
const PACES: [Pace; 4] = [
    Pace { group: 1, rate: 200 },
    Pace { group: 10, rate: 1_000 },
    Pace { group: 50, rate: 1_000 },
    Pace { group: 250, rate: 2_500 },
];
/// Encrypted readers cost more than the relay does, and share the machine with it.
const ENCRYPTED: Pace = Pace { group: 10, rate: 300 };
/// Events at 500 a second, for the latency.
const LATENCY_RATE: usize = 500;

/// Arguments of a comparison.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The directory with `lighthouse` and `lk` of the build to compare with.
    base: PathBuf,
    /// The same of these sources.
    here: PathBuf,
    /// How often everything is measured.
    #[arg(long, env = "COMPARE_ROUNDS", default_value_t = 3)]
    rounds: usize,
    /// Events as fast as they are taken, with one consumer; a quarter of it with many readers.
    #[arg(long, env = "COMPARE_EVENTS", default_value_t = 20_000)]
    events: usize,
    /// How long each measurement at a given rate takes.
    #[arg(long, env = "COMPARE_SECONDS", default_value_t = 2)]
    seconds: u32,
    /// Readers of the larger kind of measurement.
    #[arg(long, env = "COMPARE_READERS", default_value_t = 200, value_parser = parse_readers)]
    readers: usize,
    /// Only what has this in its name, such as "readers".
    #[arg(long, env = "COMPARE_ONLY", default_value = "")]
    only: String,
}

/// One is what many are compared with.
fn parse_readers(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 1).ok_or("at least 2".to_owned())
}

/// One thing to measure of one build.
type Measure = fn(&Bench<'_>) -> anyhow::Result<Vec<Figure>>;

const MEASURES: [(&str, Measure); 11] = [
    ("one subscriber", |bench| bench.one_subscriber()),
    ("acknowledgements", |bench| bench.acknowledged()),
    ("latency", |bench| bench.latency()),
    ("memory and catching up", |bench| bench.memory_and_catching_up()),
    ("readers at full speed", |bench| bench.full_speed()),
    ("readers, single events", |bench| bench.group(PACES[0])),
    ("readers, groups of 10", |bench| bench.group(PACES[1])),
    ("readers, groups of 50", |bench| bench.group(PACES[2])),
    ("readers, groups of 250", |bench| bench.group(PACES[3])),
    ("encrypted readers", |bench| bench.encrypted()),
    ("lk listen", |bench| bench.listen()),
];

/// Measured once a round.
const PYTHON: &str = "the relay in Python";

impl Compare {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let at_a_rate = PACES.iter().chain([&listen::PACE]).map(|pace| pace.events(self.seconds));
        // The relay in Python knows events by their `tag`.
        let load = Load::in_dialect(Dialect::Both, at_a_rate.fold(self.events.max(4), usize::max));
        let mut comparison = Comparison::default();
        let outcome =
            (1..=self.rounds).try_for_each(|round| self.round(round, &load, &mut comparison));
        // What was measured before something failed took its time, too.
        println!("\n{comparison}");
        outcome
    }

    fn round(&self, round: usize, load: &Load, comparison: &mut Comparison) -> anyhow::Result<()> {
        let mut builds = [(Competitor::Base, &self.base), (Competitor::Here, &self.here)];
        // Whoever comes second may find the disk warmer, or the machine hotter.
        if round.is_multiple_of(2) {
            builds.reverse();
        }
        let is_wanted = |name: &str| name.contains(&self.only);
        for (name, measure) in MEASURES.into_iter().filter(|(name, _)| is_wanted(name)) {
            println!("round {round} of {}: {name}", self.rounds);
            for (competitor, directory) in builds {
                let figures = measure(&Bench::new(self, directory, load))?;
                comparison.add_all(competitor, figures);
            }
        }
        if !is_wanted(PYTHON) {
            return Ok(());
        }
        println!("round {round} of {}: {PYTHON}", self.rounds);
        for readers in [1, self.readers] {
            let relay = PythonRelay::start(load)?;
            let figures = full_speed(&relay.site, load, self.events / 4, readers)?;
            comparison.add_all(Competitor::Python, figures);
        }
        Ok(())
    }
}

/// One build and what it is measured with.
struct Bench<'a> {
    sizes: &'a Compare,
    lighthouse: PathBuf,
    lk: PathBuf,
    load: &'a Load,
}

impl<'a> Bench<'a> {
    fn new(sizes: &'a Compare, directory: &Path, load: &'a Load) -> Self {
        let [lighthouse, lk] = ["lighthouse", "lk"].map(|name| directory.join(name));
        Self { sizes, lighthouse, lk, load }
    }

    fn events(&self) -> &[Vec<u8>] {
        &self.load.events[..self.sizes.events.max(4)]
    }

    fn one_subscriber(&self) -> anyhow::Result<Vec<Figure>> {
        let one_way = throughput::one_way(&self.lighthouse, self.load, self.events())?;
        Ok(vec![
            Figure::new("relay, CPU an event", Unit::Micros, one_way.relay_cpu_us),
            Figure::new("source to sink", Unit::PerSecond, one_way.per_second),
        ])
    }

    fn acknowledged(&self) -> anyhow::Result<Vec<Figure>> {
        let rate = throughput::acknowledged(&self.lighthouse, self.load, self.events(), 256)?;
        Ok(vec![Figure::new("acknowledged submissions, window 256", Unit::PerSecond, rate)])
    }

    fn latency(&self) -> anyhow::Result<Vec<Figure>> {
        let events = LATENCY_RATE * self.sizes.seconds as usize;
        let latency = latency::measure(&self.lighthouse, events)?;
        Ok(vec![
            Figure::new("submit to delivery at 500/s, p50", Unit::Millis, latency.p50_ms),
            Figure::new("submit to delivery at 500/s, p99", Unit::Millis, latency.p99_ms),
        ])
    }

    fn memory_and_catching_up(&self) -> anyhow::Result<Vec<Figure>> {
        let subscribers = self.sizes.readers;
        let memory = memory::with_subscribers(&self.lighthouse, subscribers)?;
        let caught_up = catch_up::measure(&self.lighthouse, self.load, self.events())?;
        let name = format!("relay's memory with {subscribers} subscribers");
        Ok(vec![
            Figure::new(name, Unit::Mebibytes, memory),
            Figure::new("catching up, one connection", Unit::PerSecond, caught_up),
        ])
    }

    fn full_speed(&self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for readers in [1, self.sizes.readers] {
            let mut relay = self.load.relay(&self.lighthouse);
            let site = self.load.site(&mut relay);
            figures.extend(full_speed(&site, self.load, self.sizes.events / 4, readers)?);
        }
        Ok(figures)
    }

    fn group(&self, pace: Pace) -> anyhow::Result<Vec<Figure>> {
        let fan_outs = self.one_and_many(pace, Load::relay)?;
        Ok(self.costs(fan_outs, &format!("readers, groups of {}", pace.group)))
    }

    fn encrypted(&self) -> anyhow::Result<Vec<Figure>> {
        let fan_outs = self.one_and_many(ENCRYPTED, Load::encrypted_relay)?;
        Ok(self.costs(fan_outs, "encrypted readers"))
    }

    fn costs(&self, [one, many]: [FanOut; 2], what: &str) -> Vec<Figure> {
        let readers = self.sizes.readers;
        let delivery = a_delivery(one.cpu_us, many.cpu_us, readers);
        let what = format!("{readers} {what}");
        vec![
            Figure::new(format!("CPU an event, {what}"), Unit::Micros, many.cpu_us),
            Figure::new(format!("CPU a delivery, {what}"), Unit::Micros, delivery),
        ]
    }

    /// The same events for one reader and for many: what is left is what readers cost.
    fn one_and_many(
        &self,
        pace: Pace,
        relay: impl Fn(&Load, &Path) -> RunningRelay,
    ) -> anyhow::Result<[FanOut; 2]> {
        let events = &self.load.events[..pace.events(self.sizes.seconds)];
        let measure = |readers| {
            let mut relay = relay(self.load, &self.lighthouse);
            let site = self.load.site(&mut relay);
            fan_out::measure(&site, self.load, events, readers, Some(pace))
        };
        Ok([measure(1)?, measure(self.sizes.readers)?])
    }

    fn listen(&self) -> anyhow::Result<Vec<Figure>> {
        let events = &self.load.events[..listen::PACE.events(self.sizes.seconds)];
        let cpu_us = listen::measure(&self.lighthouse, &self.lk, self.load, events)?;
        Ok(vec![Figure::new("lk listen, CPU an event", Unit::Micros, cpu_us)])
    }
}

/// Events as fast as the relay takes them.
fn full_speed(
    site: &Site,
    load: &Load,
    events: usize,
    readers: usize,
) -> anyhow::Result<Vec<Figure>> {
    let events = &load.events[..events.max(1)];
    let fan_out = fan_out::measure(site, load, events, readers, None)?;
    let readers = if readers == 1 { "1 reader".to_owned() } else { format!("{readers} readers") };
    Ok(vec![
        Figure::new(
            format!("events at full speed, {readers}"),
            Unit::PerSecond,
            fan_out.per_second,
        ),
        Figure::new(format!("CPU an event at full speed, {readers}"), Unit::Micros, fan_out.cpu_us),
        Figure::new(
            format!("lost of 1,000 at full speed, {readers}"),
            Unit::Permille,
            fan_out.lost,
        ),
    ])
}

/// What one reader more costs, in microseconds an event.
fn a_delivery(one_us: f64, many_us: f64, readers: usize) -> f64 {
    (many_us - one_us) / (readers - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_what_one_reader_more_costs() {
        assert!((a_delivery(60.0, 259.0, 200) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn one_reader_cannot_be_compared_with_one() {
        assert_eq!(parse_readers("200"), Ok(200));
        for text in ["1", "0", "", "many"] {
            assert!(parse_readers(text).is_err(), "{text:?}");
        }
    }
}
