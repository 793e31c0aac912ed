//! Consumers that named themselves: how far they are, and whether they get on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use laniakea_event::Seq;
use laniakea_wire::replay::{Failure, FailureReason, SinkReport, SinkStanding, SinkState};
use uuid::Uuid;

/// Consumers that are remembered; beyond them the one that was silent longest is forgotten.
const MAX_SINKS: usize = 256;
const MAX_NAME_BYTES: usize = 64;
/// So long a consumer may be behind without getting on. Ours report every 30 seconds.
const STALL: Duration = Duration::from_mins(2);
/// So long a consumer may say nothing.
const SILENCE: Duration = Duration::from_mins(2);
/// Whoever has been silent for so long is not waited for any more.
const FORGET: Duration = Duration::from_hours(7 * 24);

/// The consumers, shared by whoever hears of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sinks(Arc<Mutex<BTreeMap<String, Sink>>>);

#[derive(Debug)]
struct Sink {
    journal: Uuid,
    seq: Seq,
    /// When it last reported, on the wall and on a clock that does not jump.
    seen: Timestamp,
    reported: Instant,
    /// Since when it has been behind and has not moved.
    waiting: Option<Instant>,
    /// What the log says of it.
    logged: SinkStanding,
}

impl Sinks {
    /// Takes a report, while the relay's own journal goes up to `last`.
    pub(crate) fn note(
        &self,
        report: &SinkReport,
        (journal, last): (Uuid, Seq),
        (now, instant): (Timestamp, Instant),
    ) -> Result<(), Failure> {
        let SinkReport { name, .. } = report;
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            let detail = format!("a sink's name is 1 to {MAX_NAME_BYTES} bytes of plain text");
            return Err(Failure::new(FailureReason::BadRequest, detail));
        }
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sinks.get(name);
        let has_moved =
            before.is_none_or(|sink| (sink.journal, sink.seq) != (report.journal, report.seq));
        let is_behind = report.journal == journal && report.seq < last;
        let waiting = before.and_then(|sink| sink.waiting).filter(|_| !has_moved);
        let sink = Sink {
            journal: report.journal,
            seq: report.seq,
            seen: now,
            reported: instant,
            waiting: is_behind.then(|| waiting.unwrap_or(instant)),
            logged: before.map_or(SinkStanding::Following, |sink| sink.logged),
        };
        sinks.insert(name.clone(), sink);
        if sinks.len() > MAX_SINKS
            && let Some((silent, _)) = sinks.iter().min_by_key(|(_, sink)| sink.reported)
        {
            let silent = silent.clone();
            sinks.remove(&silent);
        }
        Ok(())
    }

    /// What is known of each, for a status.
    pub(crate) fn snapshot(&self, now: Instant) -> Vec<SinkState> {
        let sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |(name, sink): (&String, &Sink)| {
            let (standing, idle) = sink.standing(now);
            SinkState {
                name: name.clone(),
                journal: sink.journal,
                seq: sink.seq,
                seen: sink.seen.to_string(),
                standing: Some(standing),
                idle: Some(idle.as_secs()),
            }
        };
        sinks.iter().map(state).collect()
    }

    /// Logs whose standing has changed, and forgets who has been silent for a week.
    pub(crate) fn watch(&self, now: Instant) {
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, sink) in sinks.iter_mut() {
            let (standing, idle) = sink.standing(now);
            if std::mem::replace(&mut sink.logged, standing) == standing {
                continue;
            }
            let (seq, seconds) = (sink.seq, idle.as_secs());
            match standing {
                SinkStanding::Following => {
                    tracing::info!(sink = name, %seq, "a sink is getting on again");
                }
                SinkStanding::Stalled => {
                    tracing::warn!(sink = name, %seq, seconds, "a sink stalls: it handles nothing");
                }
                SinkStanding::Silent => {
                    tracing::warn!(sink = name, %seq, seconds, "a sink is silent: is it running?");
                }
            }
        }
        sinks.retain(|_, sink| now.saturating_duration_since(sink.reported) < FORGET);
    }
}

impl Sink {
    /// How it gets on, and for how long it has not.
    fn standing(&self, now: Instant) -> (SinkStanding, Duration) {
        let silent = now.saturating_duration_since(self.reported);
        let stalled = self.waiting.map(|since| now.saturating_duration_since(since));
        match stalled {
            _ if silent >= SILENCE => (SinkStanding::Silent, silent),
            Some(stalled) if stalled >= STALL => (SinkStanding::Stalled, stalled),
            _ => (SinkStanding::Following, stalled.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOURNAL: Uuid = Uuid::from_u128(1);

    struct World {
        sinks: Sinks,
        now: Instant,
        last: Seq,
    }

    impl World {
        fn new() -> Self {
            Self { sinks: Sinks::default(), now: Instant::now(), last: Seq(100) }
        }

        fn report(&self, name: &str, seq: u64) {
            self.report_in(name, JOURNAL, seq);
        }

        fn report_in(&self, name: &str, journal: Uuid, seq: u64) {
            let report = SinkReport { name: name.to_owned(), journal, seq: Seq(seq) };
            let time = (Timestamp::UNIX_EPOCH, self.now);
            self.sinks.note(&report, (JOURNAL, self.last), time).unwrap();
        }

        fn pass(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }

        fn standing(&self) -> (SinkStanding, u64) {
            let states = self.sinks.snapshot(self.now);
            (states[0].standing.unwrap(), states[0].idle.unwrap())
        }
    }

    #[test]
    fn a_sink_that_is_behind_and_does_not_move_stalls() {
        let mut world = World::new();
        world.report("mirk", 41);
        for _ in 0..3 {
            world.pass(30);
            world.report("mirk", 41);
            assert_eq!(world.standing().0, SinkStanding::Following);
        }
        world.pass(30);
        world.report("mirk", 41);
        assert_eq!(world.standing(), (SinkStanding::Stalled, 120));
        world.report("mirk", 42);
        assert_eq!(world.standing(), (SinkStanding::Following, 0));
    }

    #[test]
    fn a_slow_sink_and_one_that_waits_for_events_do_not_stall() {
        let mut world = World::new();
        world.last = Seq(1_000_000);
        for seq in 0..20 {
            world.report("slow", seq);
            world.pass(60);
            assert_eq!(world.standing().0, SinkStanding::Following);
        }
        let mut world = World::new();
        for _ in 0..20 {
            world.report("idle", 100);
            world.pass(60);
            assert_eq!(world.standing(), (SinkStanding::Following, 0));
        }
        // What came meanwhile it may take its time for.
        world.last = Seq(101);
        world.report("idle", 100);
        world.pass(119);
        assert_eq!(world.standing(), (SinkStanding::Following, 119));
    }

    #[test]
    fn one_that_reads_another_journal_is_not_compared() {
        let mut world = World::new();
        for _ in 0..9 {
            world.report_in("other", Uuid::from_u128(2), 5);
            world.pass(60);
        }
        assert_eq!(world.standing().0, SinkStanding::Following);
    }

    #[test]
    fn one_that_says_nothing_is_silent_and_forgotten_after_a_week() {
        let mut world = World::new();
        world.report("gone", 100);
        world.pass(120);
        assert_eq!(world.standing(), (SinkStanding::Silent, 120));
        world.sinks.watch(world.now);
        world.report("gone", 100);
        assert_eq!(world.standing().0, SinkStanding::Following);
        world.pass(7 * 24 * 3600 - 1);
        world.sinks.watch(world.now);
        assert_eq!(world.sinks.snapshot(world.now).len(), 1);
        world.pass(1);
        world.sinks.watch(world.now);
        assert!(world.sinks.snapshot(world.now).is_empty());
    }

    #[test]
    fn names_are_plain_and_no_more_than_can_be_held() {
        let mut world = World::new();
        for name in ["", "a\nb", "\u{1b}[31m", &"x".repeat(65)] {
            let report = SinkReport { name: name.to_owned(), journal: JOURNAL, seq: Seq(1) };
            let time = (Timestamp::UNIX_EPOCH, world.now);
            let failure = world.sinks.note(&report, (JOURNAL, world.last), time).unwrap_err();
            assert_eq!(failure.reason, FailureReason::BadRequest, "{name:?}");
        }
        for number in 0..300 {
            world.report(&format!("sink-{number}"), 1);
            world.pass(1);
        }
        let names: Vec<_> =
            world.sinks.snapshot(world.now).into_iter().map(|sink| sink.name).collect();
        assert_eq!(names.len(), MAX_SINKS);
        assert!(!names.contains(&"sink-43".to_owned()) && names.contains(&"sink-44".to_owned()));
    }
}
