//! What a rule would have done with events of the past.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use crate::schedule::{Due, Moment, Next, Schedule, Timing};

/// A run that would have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SimulatedRun {
    /// When it would have begun.
    pub began: Timestamp,
    /// Its key.
    pub key: String,
    /// How many events it would have had; none: the safety net.
    pub events: usize,
    /// When the first of them came.
    pub first: Option<Timestamp>,
}

/// Has one rule's schedule live through the past. Nothing fails in it, and every run takes the
/// same time.
#[derive(Debug)]
pub struct Simulation {
    schedule: Schedule,
    /// Where its clock begins.
    start: Timestamp,
    takes: Duration,
    at_work: Vec<(Moment, String)>,
    /// How many events of each key, and when the first came.
    waiting: BTreeMap<String, (usize, Timestamp)>,
    runs: Vec<SimulatedRun>,
}

const RULE: &str = "simulated";

impl Simulation {
    /// Begins at a time, with runs that take so long.
    pub fn new(timing: Timing, start: Timestamp, takes: Duration) -> Self {
        let mut schedule = Schedule::new(usize::MAX);
        schedule.set_wall(Moment::ZERO, start);
        schedule.set_rules([(RULE.to_owned(), timing)], Moment::ZERO);
        Self {
            schedule,
            start,
            takes,
            at_work: Vec::new(),
            waiting: BTreeMap::new(),
            runs: Vec::new(),
        }
    }

    /// An event that the rule wants came. Events come in order; one that a jump of the relay's
    /// clock dated back counts as simultaneous with the one before.
    pub fn event(&mut self, key: &str, at: Timestamp) {
        self.events(key, at, 1);
    }

    /// So many events were due for a run at once; none, where nothing has come.
    pub fn events(&mut self, key: &str, at: Timestamp, count: usize) {
        let now = self.moment(at);
        self.pass_until(now);
        self.schedule.add(RULE, key, now);
        self.waiting.entry(key.to_owned()).or_insert((0, at)).0 += count;
        self.start_due(now);
    }

    /// The past is over: what waits is run as time goes on, and the safety net up to `end`.
    pub fn finish(mut self, end: Timestamp) -> Vec<SimulatedRun> {
        let end = self.moment(end);
        self.pass_until(end);
        // Beyond the end only what already waits.
        while let Some(next) = self.next() {
            if self.waiting.is_empty() {
                break;
            }
            self.turn(next);
        }
        self.runs
    }

    fn moment(&self, time: Timestamp) -> Moment {
        Duration::try_from(time.duration_since(self.start)).unwrap_or_default()
    }

    fn pass_until(&mut self, until: Moment) {
        while let Some(next) = self.next().filter(|next| *next < until) {
            self.turn(next);
        }
    }

    /// When something happens by itself: a run ends, or may begin.
    fn next(&self) -> Option<Moment> {
        let ending = self.at_work.iter().map(|(ends, _)| *ends).min();
        ending.into_iter().chain(self.schedule.next_wake()).min()
    }

    fn turn(&mut self, now: Moment) {
        let (ended, at_work) =
            std::mem::take(&mut self.at_work).into_iter().partition(|(ends, _)| *ends <= now);
        self.at_work = at_work;
        for (ends, key) in ended {
            self.schedule.ended(RULE, &key, 0, Next::Done, ends);
        }
        self.start_due(now);
    }

    fn start_due(&mut self, now: Moment) {
        for due in self.schedule.due(now) {
            let key = match due {
                Due::Events { key, .. } | Due::Retry { key, .. } => key,
                Due::Fallback { .. } => String::new(),
            };
            let batch = self.waiting.remove(&key);
            let first = batch.filter(|(events, _)| *events > 0).map(|(_, first)| first);
            self.runs.push(SimulatedRun {
                began: self.start.checked_add(now).unwrap_or(Timestamp::MAX),
                key: key.clone(),
                events: batch.map_or(0, |(events, _)| events),
                first,
            });
            // A run of no time would begin and end for ever.
            self.at_work.push((now + self.takes.max(Duration::from_millis(1)), key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn timing() -> Timing {
        Timing {
            debounce: Duration::from_mins(1),
            max_wait: Some(Duration::from_mins(10)),
            once_within: Duration::ZERO,
            per_key: 1,
            concurrency: 1,
            fallback_every: None,
            fallback_cron: None,
        }
    }

    #[test]
    fn a_burst_would_have_been_one_run() {
        let mut simulation = Simulation::new(timing(), at(0), Duration::from_secs(30));
        (0..500).for_each(|second| simulation.event("master", at(100 + second / 10)));
        simulation.event("master", at(1_000));
        let runs = simulation.finish(at(2_000));
        let expected = |began, events, first| SimulatedRun {
            began: at(began),
            key: "master".to_owned(),
            events,
            first: Some(at(first)),
        };
        assert_eq!(runs, [expected(209, 500, 100), expected(1_060, 1, 1_000)]);
    }

    #[test]
    fn something_missed_without_events_is_a_run_too_however_late() {
        let mut simulation = Simulation::new(timing(), at(0), Duration::ZERO);
        simulation.events("", at(100), 0);
        let runs = simulation.finish(at(110));
        let seen: Vec<_> = runs.iter().map(|run| (run.began, run.events, run.first)).collect();
        assert_eq!(seen, [(at(160), 0, None)]);
    }

    #[test]
    fn the_safety_net_runs_up_to_the_end_and_what_waits_beyond_it() {
        let hourly = Timing { fallback_every: Some(Duration::from_hours(1)), ..timing() };
        let mut simulation = Simulation::new(hourly, at(0), Duration::ZERO);
        simulation.event("a", at(10_000));
        let runs = simulation.finish(at(10_010));
        let seen: Vec<_> = runs.iter().map(|run| (run.began.as_second(), run.events)).collect();
        assert_eq!(seen, [(3_600, 0), (7_200, 0), (10_060, 1)]);
    }
}
