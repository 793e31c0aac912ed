//! Takes the bytes that a fuzzer makes up apart into what a target wants.

use laniakea_event::Seq;
use uuid::Uuid;

/// What is left of the bytes. At their end everything is zero or empty.
pub(crate) struct Input<'b>(&'b [u8]);

impl<'b> Input<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// At most so many bytes.
    pub(crate) fn take(&mut self, most: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// As many bytes as two bytes before them say.
    pub(crate) fn counted(&mut self) -> &'b [u8] {
        let length = usize::from(self.byte()) << 8 | usize::from(self.byte());
        self.take(length)
    }

    pub(crate) fn rest(&mut self) -> &'b [u8] {
        self.take(usize::MAX)
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.take(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A small seq, or one of those where arithmetic ends.
    pub(crate) fn seq(&mut self) -> Seq {
        Seq(match self.byte() {
            small @ ..224 => u64::from(small) % 24,
            224..232 => u64::MAX,
            232..240 => u64::MAX - 1,
            240..244 => 1 << 63,
            244..248 => (1 << 63) - 1,
            248.. => self.u64(),
        })
    }

    /// One of three journals.
    pub(crate) fn journal(&mut self) -> Uuid {
        Uuid::from_u128(self.below(3) as u128 + 1)
    }
}

/// The two texts that a line break parts; nothing if the bytes are no text.
pub(crate) fn two_texts(bytes: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(bytes).ok()?.split_once('\n')
}
