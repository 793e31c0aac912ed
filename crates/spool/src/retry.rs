//! How often a sink tries to handle an event, and what then.

use std::time::Duration;

use jiff::Timestamp;

use crate::record::clean;

/// What to do about an event that could not be handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often it is tried again.
    pub retries: u32,
    /// The pause before the first retry; it doubles with each further one.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// What to do once the last retry has failed.
    pub then: Then,
}

/// What to do about an event that failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It goes to the [`Quarantine`](crate::Quarantine), and the stream goes on.
    SetAside,
    /// Nothing goes on until somebody has looked: for sinks that must leave nothing out.
    Stop,
}

impl RetryPolicy {
    /// Four retries after one, two, four and eight seconds.
    pub fn new(then: Then) -> Self {
        Self {
            retries: 4,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
            then,
        }
    }

    /// What comes after these failures. The position may move past the event only once it was
    /// handled or is durably set aside.
    pub fn next(&self, failures: &Failures) -> Next {
        let retried = failures.attempts.saturating_sub(1);
        if retried >= self.retries {
            return match self.then {
                Then::SetAside => Next::SetAside,
                Then::Stop => Next::Stop,
            };
        }
        let pause = self.first_pause.saturating_mul(2_u32.saturating_pow(retried));
        Next::Retry(pause.min(self.longest_pause))
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again after this pause.
    Retry(Duration),
    /// Put it into quarantine and go on.
    SetAside,
    /// Stop before this event.
    Stop,
}

/// The failures to handle one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failures {
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time; bounded, and without control characters but line breaks.
    pub error: String,
    /// When it failed first.
    pub first: Timestamp,
    /// When it failed last.
    pub last: Timestamp,
}

impl Failures {
    /// The first failure.
    pub fn new(error: &str, now: Timestamp) -> Self {
        Self { attempts: 1, error: clean(error), first: now, last: now }
    }

    /// It failed once more.
    #[must_use]
    pub fn again(self, error: &str, now: Timestamp) -> Self {
        let attempts = self.attempts.saturating_add(1);
        Self { attempts, error: clean(error), last: now, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A clock that goes on by what the policy says, and a handler that always fails.
    fn run(policy: RetryPolicy) -> (Vec<i64>, Next) {
        let mut attempts = vec![0];
        let mut failures = Failures::new("no", at(0));
        loop {
            match policy.next(&failures) {
                Next::Retry(pause) => {
                    let now = failures.last.checked_add(pause).unwrap();
                    attempts.push(now.as_second());
                    failures = failures.again("still no", now);
                }
                end => {
                    assert_eq!(failures.attempts as usize, attempts.len());
                    assert_eq!(
                        (failures.first, failures.last),
                        (at(0), at(*attempts.last().unwrap()))
                    );
                    return (attempts, end);
                }
            }
        }
    }

    #[test]
    fn pauses_double_and_the_end_is_what_the_policy_says() {
        assert_eq!(run(RetryPolicy::new(Then::SetAside)), (vec![0, 1, 3, 7, 15], Next::SetAside));
        let often = RetryPolicy { retries: 9, ..RetryPolicy::new(Then::Stop) };
        assert_eq!(run(often), (vec![0, 1, 3, 7, 15, 31, 63, 123, 183, 243], Next::Stop));
        let never = RetryPolicy { retries: 0, ..RetryPolicy::new(Then::Stop) };
        assert_eq!(run(never), (vec![0], Next::Stop));
    }

    #[test]
    fn nothing_overflows() {
        let policy = RetryPolicy { retries: u32::MAX, ..RetryPolicy::new(Then::Stop) };
        let failures = Failures { attempts: u32::MAX, ..Failures::new("", at(0)) };
        assert_eq!(policy.next(&failures), Next::Retry(Duration::from_mins(1)));
        assert_eq!(failures.again("", at(1)).attempts, u32::MAX);
    }
}
