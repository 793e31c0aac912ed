//! When runs may begin although it is not known yet what came while keeper was down.

use std::time::{Duration, Instant};

/// So long nothing may come from a relay that keeper has not caught up with; then what is due begins
/// all the same. A safety net is no help if it hangs on the relay.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came while keeper was down is being read.
#[derive(Debug)]
pub(super) struct CatchingUp {
    is_over: bool,
    /// When something last came.
    heard: Instant,
    has_said: bool,
}

impl CatchingUp {
    pub(super) fn new(now: Instant) -> Self {
        Self { is_over: false, heard: now, has_said: false }
    }

    /// Whether what comes now came while keeper was down.
    pub(super) fn is_on(&self) -> bool {
        !self.is_over
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// Whether runs wait for the end of it: all that came may be one batch.
    pub(super) fn holds(&mut self, now: Instant) -> bool {
        let is_silent = now.saturating_duration_since(self.heard) >= PATIENCE;
        if self.is_on() && is_silent && !self.has_said {
            self.has_said = true;
            tracing::warn!("the relay does not say what came meanwhile: what is due begins anyway");
        }
        self.is_on() && !is_silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_wait_for_what_came_and_not_for_a_relay_that_is_not_there() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut catching_up = CatchingUp::new(start);
        assert!(catching_up.is_on() && catching_up.holds(after(19)));
        assert!(catching_up.is_on() && !catching_up.holds(after(20)));
        // The relay is there after all.
        catching_up.heard(after(100));
        assert!(catching_up.holds(after(101)));
        catching_up.end();
        assert!(!catching_up.is_on() && !catching_up.holds(after(101)));
    }
}
