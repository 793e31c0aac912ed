//! How many single messages a room still wants: a bucket that fills up again.

use jiff::{SignedDuration, Timestamp};

/// How much is too much for a room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// So many single messages may come at once.
    pub burst: u32,
    /// So many a minute in the long run; not 0.
    pub per_minute: u32,
    /// For so long events are gathered into a digest.
    pub digest_after: SignedDuration,
    /// Whether there are digests at all.
    pub digest: bool,
}

impl Limits {
    /// The time in which one message becomes allowed.
    fn pause(&self) -> SignedDuration {
        SignedDuration::from_millis(60_000 / i64::from(self.per_minute.max(1)))
    }

    /// Nothing waits for longer than this.
    pub(super) fn longest_wait(&self) -> SignedDuration {
        self.digest_after.max(self.pause())
    }
}

/// What a room may get now.
#[derive(Debug, Clone)]
pub struct Budget {
    messages: f64,
    at: Option<Timestamp>,
}

impl Default for Budget {
    /// Full.
    fn default() -> Self {
        Self { messages: f64::INFINITY, at: None }
    }
}

impl Budget {
    /// Adds what the time since the last call allows.
    pub(super) fn refill(&mut self, limits: &Limits, now: Timestamp) {
        let elapsed = self.at.map_or(SignedDuration::ZERO, |at| now.duration_since(at));
        let gained = elapsed.max(SignedDuration::ZERO).as_secs_f64() / 60.0;
        self.at = Some(now);
        let messages = self.messages + gained * f64::from(limits.per_minute);
        self.messages = messages.min(f64::from(limits.burst.max(1)));
    }

    /// Whether so many messages are allowed now.
    pub(super) fn covers(&self, messages: usize) -> bool {
        u32::try_from(messages).is_ok_and(|messages| self.messages >= f64::from(messages))
    }

    /// Counts a message.
    pub(super) fn take(&mut self) {
        self.messages = (self.messages - 1.0).max(0.0);
    }

    /// When the next message is allowed.
    pub(super) fn next_token(&self, limits: &Limits, now: Timestamp) -> Timestamp {
        let missing = (1.0 - self.messages).clamp(0.0, 1.0);
        let pause = limits.pause().as_secs_f64() * missing;
        let pause = SignedDuration::try_from_secs_f64(pause).unwrap_or(SignedDuration::ZERO);
        now.saturating_add(pause).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        burst: 3,
        per_minute: 6,
        digest_after: SignedDuration::from_secs(30),
        digest: true,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_full_budget_covers_a_burst_and_fills_up_again() {
        let mut budget = Budget::default();
        budget.refill(&LIMITS, at(0));
        assert!(budget.covers(3) && !budget.covers(4));
        for _ in 0..3 {
            budget.take();
        }
        assert!(!budget.covers(1));
        assert_eq!(budget.next_token(&LIMITS, at(0)), at(10));
        budget.refill(&LIMITS, at(10));
        assert!(budget.covers(1) && !budget.covers(2));
        budget.refill(&LIMITS, at(10_000));
        assert!(budget.covers(3) && !budget.covers(4));
    }

    #[test]
    fn a_clock_that_goes_back_gives_and_takes_nothing() {
        let mut budget = Budget::default();
        budget.refill(&LIMITS, at(0));
        budget.take();
        budget.refill(&LIMITS, at(-86_400));
        assert!(budget.covers(2) && !budget.covers(3));
        budget.refill(&LIMITS, at(-86_390));
        assert!(budget.covers(3));
    }
}
