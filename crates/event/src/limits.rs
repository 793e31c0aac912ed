//! How large an event may be.

/// The sizes beyond which an event is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the event as it came.
    pub max_bytes: usize,
    /// Nesting; the outermost object is depth 1.
    pub max_depth: usize,
    /// Members and items, all levels together.
    pub max_members: usize,
    /// (signer, key id) pairs, unknown ones included.
    pub max_signatures: usize,
}

impl Limits {
    /// For what sources submit.
    pub const SUBMISSION: Self =
        Self { max_bytes: 1 << 20, max_depth: 100, max_members: 10_000, max_signatures: 8 };

    /// For what comes from a relay, which adds its signature and its note.
    pub const FROM_RELAY: Self =
        Self { max_bytes: 2 << 20, max_depth: 100, max_members: 10_200, max_signatures: 16 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::SUBMISSION
    }
}
