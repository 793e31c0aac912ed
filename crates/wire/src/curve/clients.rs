//! Who may connect: changed while connections are up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use laniakea_event::SignerId;

use super::CurveKey;

/// The keys that may connect, and whose they are. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Clients(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    keys: RwLock<Arc<BTreeMap<CurveKey, SignerId>>>,
    /// Counts the changes, so that whoever has connections sees that there was one.
    version: AtomicU64,
}

impl Clients {
    /// Replaces the list. A key that is no longer in it loses its connections within moments.
    pub fn set(&self, keys: BTreeMap<CurveKey, SignerId>) {
        let mut current = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        if **current != keys {
            *current = Arc::new(keys);
            self.0.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Whose key it is, if it may connect.
    pub fn signer(&self, key: &CurveKey) -> Option<SignerId> {
        self.current().get(key).cloned()
    }

    /// How many keys may connect.
    pub fn len(&self) -> usize {
        self.current().len()
    }

    /// Whether nobody may connect.
    pub fn is_empty(&self) -> bool {
        self.current().is_empty()
    }

    pub(crate) fn current(&self) -> Arc<BTreeMap<CurveKey, SignerId>> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }
}
