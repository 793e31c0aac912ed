//! How much a trial does, and how strictly time is judged.

use std::time::Duration;

/// The inputs of the largest trials at full size.
const FULL: u64 = 1_000_000;

/// The size of a run, and the seed of everything random in it.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    inputs: u64,
    seed: u64,
    is_kept: bool,
}

impl Scale {
    /// A run whose largest trials have so many inputs; the others shrink or grow with them.
    pub fn new(inputs: u64, seed: u64) -> Self {
        Self { inputs, seed, is_kept: false }
    }

    /// The size that the promises speak of.
    pub fn full(seed: u64) -> Self {
        Self::new(FULL, seed)
    }

    /// A run that goes on, where a trial can, with what an interrupted one of its kind has done.
    #[must_use]
    pub fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether it is the size that the promises speak of, or more.
    pub(crate) fn is_full(&self) -> bool {
        self.inputs >= FULL
    }

    /// So much of a number that belongs to the full size, and at least 1.
    pub fn of(&self, full: u64) -> u64 {
        u64::try_from(u128::from(full) * u128::from(self.inputs) / u128::from(FULL))
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// The same as a `usize`.
    pub fn count(&self, full: u64) -> usize {
        usize::try_from(self.of(full)).unwrap_or(usize::MAX)
    }

    /// A generator of its own for each part of a trial.
    pub(crate) fn rng(&self, part: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// What one has to send again to see the same.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// How long a good event may take. A debug build beside other tests is not what the promise is
/// about, but must not take for ever either.
pub(crate) const PROMPT: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });

/// What a relay may keep of an attack. A short run shows how the allocator's pools fill up rather
/// than a leak, and a debug build runs short.
pub(crate) const MAX_GROWTH_KIB: u64 = if cfg!(debug_assertions) { 60 << 10 } else { 20 << 10 };
/// What it may keep of attacks that fill what is bounded, in anonymous memory.
pub(crate) const MAX_KEPT_KIB: u64 = 64 << 10;
/// Of 100 acknowledgements 99 take no longer, whoever attacks.
pub(crate) const ACKNOWLEDGED: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 50 });
/// What a relay may hold at any time.
pub(crate) const MAX_PEAK_KIB: u64 = 512 << 10;
