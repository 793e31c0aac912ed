//! Rates: a bucket of tokens for each key, and a bounded line for those who wait.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

/// What may wait for one key, and for all of them.
const MAX_WAITING: usize = 10_000;
const MAX_WAITING_BYTES: usize = 64 << 20;
/// Beyond so many keys those with full buckets are forgotten.
const MAX_KEYS: usize = 10_000;

/// What became of an item at the gate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission<T> {
    /// It may go on.
    Passed(T),
    /// It stands in line and will be released.
    Waits,
    /// There is no token for it and no place in the line.
    Refused(T),
}

/// Lets each key through at a rate, so that none drains another's allowance.
#[derive(Debug)]
pub(crate) struct RateGate<K, T> {
    rate: f64,
    burst: f64,
    buckets: BTreeMap<K, Bucket<T>>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Bucket<T> {
    tokens: f64,
    filled_at: Instant,
    /// With its size, for the bound over all keys.
    line: VecDeque<(T, usize)>,
}

impl<K, T> Default for RateGate<K, T> {
    fn default() -> Self {
        Self {
            rate: f64::INFINITY,
            burst: f64::INFINITY,
            buckets: BTreeMap::new(),
            waiting_bytes: 0,
        }
    }
}

impl<K: Ord, T> RateGate<K, T> {
    /// Items a second, and items at once.
    pub(crate) fn set_rate(&mut self, rate: u32, burst: u32) {
        self.rate = rate.into();
        self.burst = burst.into();
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting_bytes == 0
    }

    /// Takes a token for `item`, or finds it a place in the line unless `wants_answer`: who can
    /// be told to come again is told so.
    pub(crate) fn admit(
        &mut self,
        key: K,
        item: T,
        size: usize,
        wants_answer: bool,
        now: Instant,
    ) -> Admission<T> {
        if self.buckets.len() >= MAX_KEYS {
            self.forget_idle(now);
        }
        let (rate, burst) = (self.rate, self.burst);
        let bucket = self.buckets.entry(key).or_insert_with(|| Bucket {
            tokens: burst,
            filled_at: now,
            line: VecDeque::new(),
        });
        if bucket.line.is_empty() && bucket.take(rate, burst, now) {
            return Admission::Passed(item);
        }
        let has_room =
            bucket.line.len() < MAX_WAITING && self.waiting_bytes + size <= MAX_WAITING_BYTES;
        if wants_answer || !has_room {
            return Admission::Refused(item);
        }
        // An empty item still counts, since `is_empty` looks at the bytes.
        let size = size.max(1);
        bucket.line.push_back((item, size));
        self.waiting_bytes += size;
        Admission::Waits
    }

    /// Those from the lines for whom there are tokens now, each key's in its order.
    pub(crate) fn released(&mut self, now: Instant) -> Vec<T> {
        let mut released = Vec::new();
        if self.is_empty() {
            return released;
        }
        for bucket in self.buckets.values_mut() {
            while !bucket.line.is_empty() && bucket.take(self.rate, self.burst, now) {
                if let Some((item, size)) = bucket.line.pop_front() {
                    self.waiting_bytes -= size;
                    released.push(item);
                }
            }
        }
        released
    }

    /// Everybody from the lines, each key's in its order, whatever the rate: there is no later.
    pub(crate) fn release_all(&mut self) -> Vec<T> {
        self.waiting_bytes = 0;
        let lines = self.buckets.values_mut().map(|bucket| std::mem::take(&mut bucket.line));
        lines.flatten().map(|(item, _)| item).collect()
    }

    fn forget_idle(&mut self, now: Instant) {
        let (rate, burst) = (self.rate, self.burst);
        self.buckets.retain(|_, bucket| {
            bucket.fill(rate, burst, now);
            bucket.tokens < burst || !bucket.line.is_empty()
        });
    }
}

impl<T> Bucket<T> {
    fn take(&mut self, rate: f64, burst: f64, now: Instant) -> bool {
        self.fill(rate, burst, now);
        let has_token = self.tokens >= 1.0;
        if has_token {
            self.tokens -= 1.0;
        }
        has_token
    }

    fn fill(&mut self, rate: f64, burst: f64, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + seconds * rate).min(burst);
        self.filled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn gate(rate: u32, burst: u32) -> RateGate<&'static str, u32> {
        let mut gate = RateGate::default();
        gate.set_rate(rate, burst);
        gate
    }

    #[test]
    fn nobody_drains_anothers_allowance() {
        let now = Instant::now();
        let mut gate = gate(10, 2);
        for item in 0..2 {
            assert_eq!(gate.admit("greedy", item, 1, true, now), Admission::Passed(item));
        }
        assert_eq!(gate.admit("greedy", 2, 1, true, now), Admission::Refused(2));
        assert_eq!(gate.admit("modest", 3, 1, true, now), Admission::Passed(3));
        let later = now + Duration::from_millis(100);
        assert_eq!(gate.admit("greedy", 4, 1, true, later), Admission::Passed(4));
        assert_eq!(gate.admit("greedy", 5, 1, true, later), Admission::Refused(5));
    }

    #[test]
    fn who_cannot_be_told_waits_in_order_and_is_released_at_the_rate() {
        let now = Instant::now();
        let mut gate = gate(10, 1);
        assert_eq!(gate.admit("a", 0, 1, false, now), Admission::Passed(0));
        for item in 1..4 {
            assert_eq!(gate.admit("a", item, 1, false, now), Admission::Waits);
        }
        assert!(gate.released(now).is_empty());
        assert_eq!(gate.released(now + Duration::from_millis(150)), [1]);
        // A newcomer does not overtake the line, although it could have the next token.
        let later = now + Duration::from_millis(250);
        assert_eq!(gate.admit("a", 4, 1, false, later), Admission::Waits);
        assert_eq!(gate.released(later), [2]);
        assert_eq!(gate.released(now + Duration::from_millis(350)), [3]);
        assert_eq!(gate.released(now + Duration::from_millis(450)), [4]);
        assert!(gate.is_empty());
    }

    #[test]
    fn at_the_end_everybody_is_released_in_order() {
        let now = Instant::now();
        let mut gate = gate(1, 1);
        for item in 0..4 {
            gate.admit("a", item, 1, false, now);
            gate.admit("b", item + 10, 1, false, now);
        }
        assert_eq!(gate.release_all(), [1, 2, 3, 11, 12, 13]);
        assert!(gate.is_empty());
        assert!(gate.release_all().is_empty());
    }

    #[test]
    fn the_lines_are_bounded_in_number_and_in_bytes() {
        let now = Instant::now();
        let mut gate = gate(1, 1);
        gate.admit("a", 0, 1, false, now);
        for item in 0..10_000 {
            assert_eq!(gate.admit("a", item, 0, false, now), Admission::Waits);
        }
        assert_eq!(gate.admit("a", 1, 0, false, now), Admission::Refused(1));
        gate.admit("b", 0, 1, false, now);
        assert_eq!(gate.admit("b", 1, 65 << 20, false, now), Admission::Refused(1));
    }
}
