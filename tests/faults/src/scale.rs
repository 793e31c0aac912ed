//! How much a trial does.

/// The kills of the largest trial at full size.
const FULL: u64 = 1_000;

/// The size of a run, and the seed of everything random in it.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    kills: u64,
    seed: u64,
}

impl Scale {
    /// A run whose largest trial kills so often; the others shrink or grow with it.
    pub fn new(kills: u64, seed: u64) -> Self {
        Self { kills, seed }
    }

    /// So much of a number that belongs to the full size, and at least 1.
    pub fn of(&self, full: u64) -> u64 {
        (full.saturating_mul(self.kills) / FULL).max(1)
    }

    /// Whether this is the size that the promises speak of.
    pub fn is_whole(&self) -> bool {
        self.kills >= FULL
    }

    /// A generator of its own for each part of a trial.
    pub(crate) fn rng(&self, part: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}
