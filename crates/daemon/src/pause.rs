//! How long to wait before something is tried again.

use std::time::Duration;

/// The pause after so many failures in a row: the first one, doubled with each further failure, and
/// never longer than the longest.
pub fn growing_pause(first: Duration, failures: u32, longest: Duration) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    first.saturating_mul(factor).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pause = |failures| {
            growing_pause(Duration::from_secs(1), failures, Duration::from_mins(1)).as_secs()
        };
        assert_eq!([0, 1, 2, 3, 6, 7, 99, u32::MAX].map(pause), [1, 1, 2, 4, 32, 60, 60, 60]);
        let at_once = growing_pause(Duration::ZERO, 99, Duration::from_mins(1));
        assert_eq!(at_once, Duration::ZERO);
        assert_eq!(growing_pause(Duration::MAX, 9, Duration::MAX), Duration::MAX);
    }
}
