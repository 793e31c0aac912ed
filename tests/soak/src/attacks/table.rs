//! The rounds as a table: a row for each kind of attack, and what is wrong with it.

use std::{collections::BTreeMap, time::Duration};

use super::{kinds::Kind, round::Round};
use crate::{
    Zero,
    scale::{ACKNOWLEDGED, MAX_KEPT_KIB},
};

/// How soon the CPU is idle when it is over.
const IDLE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 2 });
/// Acknowledgements of which 99 in a hundred mean something.
const ENOUGH: usize = 1_000;

/// All rounds of one kind.
pub(super) struct Row<'a> {
    kind: &'a Kind,
    rounds: Vec<&'a Round>,
    /// From the shortest to the longest.
    times_us: Vec<u64>,
}

impl<'a> Row<'a> {
    pub(super) fn new(kind: &'a Kind, rounds: &'a [Round]) -> Self {
        let rounds: Vec<&Round> = rounds.iter().filter(|round| round.what == kind.what).collect();
        let mut times_us: Vec<u64> = rounds.iter().flat_map(|it| it.times_us.clone()).collect();
        times_us.sort_unstable();
        Self { kind, rounds, times_us }
    }

    fn most(&self, of: fn(&Round) -> u64) -> u64 {
        self.rounds.iter().map(|round| of(round)).max().unwrap_or_default()
    }

    fn sum(&self, of: fn(&Round) -> u64) -> u64 {
        self.rounds.iter().map(|round| of(round)).sum()
    }

    /// So many of a hundred replies took no longer.
    fn quantile(&self, percent: usize) -> Duration {
        let time = self.times_us.get(self.times_us.len() * percent / 100);
        Duration::from_micros(time.copied().unwrap_or_default())
    }

    fn p99(&self) -> Duration {
        self.quantile(99)
    }

    fn slowest(&self) -> Duration {
        Duration::from_micros(self.times_us.last().copied().unwrap_or_default())
    }

    fn counted(&self) -> BTreeMap<&str, u64> {
        let mut all = BTreeMap::new();
        for (name, count) in self.rounds.iter().flat_map(|round| &round.counted) {
            *all.entry(name.as_str()).or_default() += count;
        }
        all
    }

    /// What must not have happened.
    pub(super) fn zeros(&self) -> [Zero; 6] {
        [
            ("good events refused", self.sum(|it| it.refused)),
            ("good events unanswered", self.sum(|it| it.unanswered)),
            ("good events not delivered", self.sum(|it| it.missing)),
            ("good events delivered again", self.sum(|it| it.repeated)),
            ("other complaints of a good consumer", self.sum(|it| it.complaints)),
            ("connections that are left", self.sum(|it| it.left)),
        ]
    }

    /// What else is wrong.
    pub(super) fn faults(&self, is_full: bool) -> Vec<String> {
        let what = self.kind.what;
        let mut faults = Vec::new();
        if self.p99() > ACKNOWLEDGED {
            faults.push(format!("{what}: the p99 of good replies is {:.1?}", self.p99()));
        }
        let idle = Duration::from_millis(self.most(|it| it.idle_ms));
        if idle > IDLE {
            faults.push(format!("{what}: the CPU was busy for {idle:.1?} afterwards"));
        }
        if !is_full {
            // One short round on a busy machine may attack little, and says nothing of what is kept.
            return faults;
        }
        let kept = self.most(|it| it.kept_kib);
        if kept > MAX_KEPT_KIB {
            faults.push(format!("{what}: {} MiB of memory are kept", kept >> 10));
        }
        if self.times_us.len() < ENOUGH {
            faults.push(format!("{what}: {} replies are too few", self.times_us.len()));
        }
        faults.extend(self.unmet());
        faults
    }

    /// Where the relay should have counted something and never did, nothing was attacked.
    fn unmet(&self) -> Option<String> {
        let mut places = crate::peer::ENDPOINTS.iter().zip(self.kind.at);
        places.find_map(|(endpoint, at)| {
            let (_, counter) = at.filter(|(_, counter)| !counter.is_empty())?;
            let mut here = self.rounds.iter().filter(|it| it.endpoint == *endpoint).peekable();
            here.peek()?;
            let is_met = here.flat_map(|it| it.counted.keys()).any(|name| name.ends_with(counter));
            (!is_met).then(|| format!("{}: no {counter} at {endpoint}", self.kind.what))
        })
    }

    pub(super) fn show(&self) -> String {
        let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
        let lost: u64 = self.zeros().iter().map(|(_, count)| count).sum();
        let counted = self.counted().into_iter();
        let counted: Vec<String> = counted.map(|(name, count)| format!("{name} {count}")).collect();
        format!(
            "{:<28} {:>6} {:>10} {:>6} {:>7} {:>7} {:>8} {:>8} {:>9} {:>7} {:>10}  {}",
            self.kind.what,
            self.rounds.len(),
            self.sum(|it| it.inputs),
            self.times_us.len(),
            ms(self.quantile(50)),
            ms(self.p99()),
            ms(self.slowest()),
            ms(Duration::from_micros(self.most(|it| it.newcomer_us))),
            lost,
            self.most(|it| it.idle_ms),
            format!(
                "{} ({})",
                self.most(|it| it.kept_kib) >> 10,
                self.most(|it| it.peak_kib) >> 10
            ),
            if counted.is_empty() { "-".to_owned() } else { counted.join(", ") },
        )
    }
}

/// What stands above the rows.
pub(super) fn heading() -> String {
    format!(
        "{:<28} {:>6} {:>10} {:>6} {:>7} {:>7} {:>8} {:>8} {:>9} {:>7} {:>10}  {}",
        "attack",
        "rounds",
        "inputs",
        "acks",
        "p50 ms",
        "p99 ms",
        "worst ms",
        "newcomer",
        "must be 0",
        "idle ms",
        "MiB (peak)",
        "what the relay counted"
    )
}
