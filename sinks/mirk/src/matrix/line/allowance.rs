//! How often something may be asked.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// In the long run, one request each.
pub(super) const INTERVAL: Duration = Duration::from_millis(20);
/// So many at once, after a time with fewer.
pub(super) const BURST: u32 = 200;

/// A rate, and what was used of it.
pub(super) struct Allowance {
    /// When all that was used is allowed anew.
    full: Instant,
}

impl Allowance {
    pub(super) fn new() -> Self {
        Self { full: Instant::now() }
    }

    /// Waits until one more is allowed.
    pub(super) async fn wait(&mut self) {
        let now = Instant::now();
        self.full = self.full.max(now) + INTERVAL;
        let until = self.full.checked_sub(INTERVAL * BURST);
        sleep_until(until.unwrap_or(now)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_then_one_each_interval() {
        let mut allowance = Allowance::new();
        let begin = Instant::now();
        for _ in 0..BURST {
            allowance.wait().await;
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        for _ in 0..50 {
            allowance.wait().await;
        }
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        // A long time of fewer allows no more than a burst.
        tokio::time::sleep(Duration::from_hours(1)).await;
        let begin = Instant::now();
        for _ in 0..=BURST {
            allowance.wait().await;
        }
        assert_eq!(begin.elapsed(), INTERVAL);
    }
}
