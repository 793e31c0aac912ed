//! How long publishing waits for slow subscribers: once, and not again until it has gone well for
//! a while. A subscriber that hangs therefore costs the others one short delay.

use std::time::{Duration, Instant};

/// The longest wait in all.
const BUDGET: Duration = Duration::from_millis(100);
/// How long it must go well before there is patience again.
const RECOVERY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Patience {
    /// When the present wait began.
    waiting_since: Option<Instant>,
    spent: Duration,
    /// When subscribers were last left behind.
    lost_at: Option<Instant>,
}

impl Patience {
    /// A queue is full: whether to wait for it.
    pub(super) fn is_left(&mut self, now: Instant) -> bool {
        if self.lost_at.is_some() {
            return false;
        }
        let since = *self.waiting_since.get_or_insert(now);
        if self.spent + now.saturating_duration_since(since) < BUDGET {
            return true;
        }
        self.lost_at = Some(now);
        self.waiting_since = None;
        false
    }

    /// A frame was sent: whether to wait for full queues from now on, where that had ended.
    pub(super) fn has_returned(&mut self, now: Instant) -> bool {
        if let Some(since) = self.waiting_since.take() {
            self.spent += now.saturating_duration_since(since);
        } else if self.lost_at.is_none() {
            // Waits are forgiven at the speed at which events go out without one.
            self.spent = self.spent.saturating_sub(Duration::from_micros(50));
        }
        let is_over = self.lost_at.is_some_and(|at| now.saturating_duration_since(at) >= RECOVERY);
        if is_over {
            *self = Self::default();
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_that_hangs_is_waited_for_once() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut patience = Patience::default();
        assert!(patience.is_left(at(0)));
        assert!(patience.is_left(at(99)));
        assert!(!patience.is_left(at(100)));
        assert!(!patience.has_returned(at(101)));
        assert!(!patience.is_left(at(102)));
        assert!(!patience.has_returned(at(10_099)));
        assert!(patience.has_returned(at(10_100)));
        assert!(patience.is_left(at(10_200)));
    }

    #[test]
    fn short_waits_add_up_and_are_forgiven_while_it_goes_well() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut patience = Patience::default();
        assert!(patience.is_left(at(0)));
        assert!(!patience.has_returned(at(60)));
        assert!(patience.is_left(at(70)));
        assert!(!patience.is_left(at(110)));

        let mut patience = Patience::default();
        assert!(patience.is_left(at(0)));
        assert!(!patience.has_returned(at(60)));
        (0..1_200).for_each(|_| assert!(!patience.has_returned(at(65))));
        assert!(patience.is_left(at(70)));
        assert!(patience.is_left(at(160)));
        assert!(!patience.is_left(at(170)));
    }
}
