//! How quickly a relay is asked again.
//!
//! Full pages are read as fast as they come. A relay that answers quickly and says nothing new, or
//! contradicts itself, is asked ever more seldom, so that it cannot keep a consumer busy.

use std::time::{Duration, Instant};

/// Between requests whose answers are not full pages, in the long run.
const INTERVAL: Duration = Duration::from_millis(20);
/// So many of them may come at once, where a consumer joins a busy stream.
const BURST: u32 = 200;
/// A relay that takes this long for an answer has looked for something.
const HASTE: Duration = Duration::from_millis(10);
/// Quick answers that bring nothing: the pauses after them, and what they are forgiven after.
const IDLE: Growing = Growing {
    first: Duration::from_millis(20),
    longest: Duration::from_secs(5),
    forgiven: Duration::from_secs(10),
};
/// The same for contradictions.
const DISTRUST: Growing = Growing {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
    forgiven: Duration::from_mins(1),
};
/// Contradictions are not told more often.
const TELL: Duration = Duration::from_mins(1);

/// What an answer brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gain {
    /// A full page.
    Full,
    /// Something.
    Some,
    /// Nothing.
    Nothing,
}

/// When the next request may be sent.
#[derive(Debug)]
pub(crate) struct Pace {
    next: Instant,
    /// When the requests so far would have been sent, one each [`INTERVAL`].
    sent: Instant,
    idle: Pause,
    distrust: Pause,
    told: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        let (idle, distrust) = (Pause::default(), Pause::default());
        Self { next: now, sent: now, idle, distrust, told: None }
    }

    /// Nothing is asked before this.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// The relay is busy.
    pub(crate) fn wait(&mut self, until: Instant) {
        self.next = until.max(self.next);
    }

    /// An answer that fits came after `took`.
    pub(crate) fn answered(&mut self, now: Instant, took: Duration, gain: Gain) {
        match gain {
            Gain::Full => {
                self.idle = Pause::default();
                return;
            }
            Gain::Some => self.idle = Pause::default(),
            Gain::Nothing if took < HASTE => {
                let pause = self.idle.grow(now, &IDLE);
                self.wait(now + pause);
            }
            Gain::Nothing => {}
        }
        self.sent = self.sent.max(now) + INTERVAL;
        if let Some(earliest) = self.sent.checked_sub(INTERVAL * BURST) {
            self.wait(earliest);
        }
    }

    /// The relay contradicts itself. Says whether to tell it, which is so once a minute.
    pub(crate) fn contradicted(&mut self, now: Instant) -> bool {
        let pause = self.distrust.grow(now, &DISTRUST);
        self.wait(now + pause);
        let is_due = self.told.is_none_or(|told| now.duration_since(told) >= TELL);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }
}

/// A pause that doubles.
struct Growing {
    first: Duration,
    longest: Duration,
    forgiven: Duration,
}

#[derive(Debug, Default)]
struct Pause {
    times: u32,
    last: Option<Instant>,
}

impl Pause {
    fn grow(&mut self, now: Instant, growing: &Growing) -> Duration {
        let since = self.last.replace(now).map(|last| now.duration_since(last));
        if since.is_some_and(|since| since > growing.longest + growing.forgiven) {
            self.times = 0;
        }
        let factor = 1_u32.checked_shl(self.times).unwrap_or(u32::MAX);
        self.times = self.times.saturating_add(1).min(31);
        growing.first.saturating_mul(factor).min(growing.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests a relay gets within `seconds`, if it answers each after `took`.
    fn requests(seconds: u64, took: Duration, mut then: impl FnMut(&mut Pace, Instant)) -> u32 {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let (mut now, mut count) = (start, 0);
        while now < start + Duration::from_secs(seconds) {
            count += 1;
            now += took;
            then(&mut pace, now);
            now = now.max(pace.next());
        }
        count
    }

    const QUICK: Duration = Duration::from_micros(300);

    #[test]
    fn full_pages_are_read_as_fast_as_they_come() {
        let count = requests(1, QUICK, |pace, now| pace.answered(now, QUICK, Gain::Full));
        assert!(count > 3_000, "{count}");
    }

    #[test]
    fn answers_that_bring_little_come_fifty_times_a_second() {
        let count = requests(60, QUICK, |pace, now| pace.answered(now, QUICK, Gain::Some));
        assert!((3_000..3_300).contains(&count), "{count}");
    }

    #[test]
    fn a_relay_that_takes_its_time_to_find_nothing_is_asked_at_once() {
        let took = Duration::from_millis(20);
        let count = requests(10, took, |pace, now| pace.answered(now, took, Gain::Nothing));
        assert_eq!(count, 500);
    }

    #[test]
    fn quick_answers_that_bring_nothing_are_asked_for_ever_more_seldom() {
        let count = requests(60, QUICK, |pace, now| pace.answered(now, QUICK, Gain::Nothing));
        assert!((15..25).contains(&count), "{count}");
    }

    #[test]
    fn contradictions_are_told_once_a_minute_and_asked_for_ever_more_seldom() {
        let mut told = 0;
        let count = requests(600, QUICK, |pace, now| told += u32::from(pace.contradicted(now)));
        assert!((22..28).contains(&count) && told == 10, "{count} {told}");
    }

    #[test]
    fn what_is_long_past_is_forgiven() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for _ in 0..9 {
            pace.contradicted(start);
        }
        assert_eq!(pace.next(), start + DISTRUST.longest);
        let later = start + Duration::from_mins(2);
        pace.contradicted(later);
        assert_eq!(pace.next(), later + DISTRUST.first);
    }
}
