//! Whether a peer is still there: what it asked for is not done for nobody.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Tells everybody who works for a peer when its connection has ended. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence(Arc<AtomicBool>);

impl Presence {
    /// That of a peer whose connection has ended already.
    pub(crate) fn ended() -> Self {
        let presence = Self::default();
        presence.end();
        presence
    }

    pub(crate) fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
