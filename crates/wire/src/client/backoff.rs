//! How long to wait before the next attempt. Each time it is longer, and by how much is left to
//! chance in part: those who lost the relay together do not all come back together.

use std::time::Duration;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nobody is there, or the connection broke: a relay that is started again is to be found soon.
    Broken,
    /// Somebody is there who does not let us in, or whom we do not understand.
    Refused,
}

#[derive(Debug)]
pub(super) struct Backoff {
    broken: Duration,
    refused: Duration,
}

impl Trouble {
    const fn first(self) -> Duration {
        match self {
            Self::Broken => Duration::from_millis(100),
            Self::Refused => Duration::from_secs(1),
        }
    }

    const fn last(self) -> Duration {
        match self {
            Self::Broken => Duration::from_secs(2),
            Self::Refused => Duration::from_secs(30),
        }
    }
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { broken: Trouble::Broken.first(), refused: Trouble::Refused.first() }
    }

    /// The next pause: between half and all of what it has grown to.
    pub(super) fn next(&mut self, trouble: Trouble) -> Duration {
        let grown = match trouble {
            Trouble::Broken => &mut self.broken,
            Trouble::Refused => &mut self.refused,
        };
        let pause = *grown;
        *grown = (pause * 2).min(trouble.last());
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// A connection has worked.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit_and_begin_again_after_a_connection_that_worked() {
        for (trouble, expected) in [
            (Trouble::Broken, [100, 200, 400, 800, 1_600, 2_000, 2_000]),
            (Trouble::Refused, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        ] {
            let mut backoff = Backoff::new();
            for _ in 0..2 {
                for longest in expected.map(Duration::from_millis) {
                    let pause = backoff.next(trouble);
                    assert!(pause >= longest / 2 && pause <= longest, "{pause:?}");
                }
                backoff.reset();
            }
        }
    }
}
