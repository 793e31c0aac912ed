//! How much a peer may say that has little to say: a subscriber.

use std::time::{Duration, Instant};

/// Messages for each subscription that a connection may have: all of them made, ended and made
/// anew, and some to spare.
const FOR_EACH_SUBSCRIPTION: u32 = 4;
/// Bytes that count as one message more: whoever subscribes to what is long pays half as much again.
const BYTES: usize = 256;
/// In this time a connection earns all of them again.
const REFILL: Duration = Duration::from_mins(1);

/// The messages that a connection may still send.
#[derive(Debug)]
pub(super) struct Allowance {
    most: u32,
    left: u32,
    filled_at: Instant,
    /// Bytes that are not counted as messages yet.
    bytes: usize,
}

impl Allowance {
    /// What a connection begins with that may have so many subscriptions.
    pub(super) fn new(subscriptions: usize, now: Instant) -> Self {
        let subscriptions = u32::try_from(subscriptions).unwrap_or(u32::MAX);
        let most = subscriptions.saturating_mul(FOR_EACH_SUBSCRIPTION).max(1);
        Self { most, left: most, filled_at: now, bytes: 0 }
    }

    /// So many messages came; whether that is still allowed.
    pub(super) fn take(&mut self, messages: usize) -> bool {
        self.take_at(messages, Instant::now())
    }

    /// So many bytes came, of which some may be no messages but signs of life.
    pub(super) fn take_bytes(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let messages = self.bytes / BYTES;
        self.bytes %= BYTES;
        messages == 0 || self.take(messages)
    }

    fn take_at(&mut self, messages: usize, now: Instant) -> bool {
        let each = REFILL / self.most;
        let elapsed = now.saturating_duration_since(self.filled_at);
        let earned = elapsed.as_nanos() / each.as_nanos().max(1);
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if self.left.saturating_add(earned) >= self.most {
            (self.left, self.filled_at) = (self.most, now);
        } else {
            self.left += earned;
            self.filled_at += each * earned;
        }
        let left =
            u32::try_from(messages).ok().and_then(|messages| self.left.checked_sub(messages));
        self.left = left.unwrap_or_default();
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribing_anew_is_allowed_and_a_flood_is_not() {
        let start = Instant::now();
        let mut allowance = Allowance::new(250, start);
        assert!(allowance.take_at(999, start));
        assert!(allowance.take_at(1, start));
        assert!(!allowance.take_at(1, start));
        // A sixteenth of a second earns one.
        assert!(!allowance.take_at(1, start + Duration::from_millis(59)));
        assert!(allowance.take_at(1, start + Duration::from_millis(60)));
        assert!(!allowance.take_at(1, start + Duration::from_millis(61)));
        let later = start + Duration::from_hours(1);
        assert!(allowance.take_at(1_000, later));
        assert!(!allowance.take_at(1, later));
        assert!(!allowance.take_at(usize::MAX, later + Duration::from_hours(1)));
    }

    #[test]
    fn no_limit_makes_it_panic() {
        let start = Instant::now();
        for subscriptions in [0, 1, usize::MAX] {
            let mut allowance = Allowance::new(subscriptions, start);
            assert!(allowance.take_at(1, start));
            allowance.take_at(1, start + Duration::from_hours(1_000_000));
        }
    }
}
