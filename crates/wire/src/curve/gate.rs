//! Who guards encrypted endpoints: the relay's keys, and the list of those that may connect.

use std::sync::{Arc, atomic::AtomicU64};

use laniakea_zmtp::curve::KeyPair;

use super::{Clients, CurvePair};

/// Guards encrypted endpoints: it has the server's keys, and lets in the clients whose keys are
/// known.
pub struct CurveGate {
    pair: CurvePair,
    clients: Clients,
    refused: Arc<AtomicU64>,
}

impl CurveGate {
    /// A gate with these keys, for these clients.
    pub fn new(pair: CurvePair, clients: Clients) -> Self {
        Self { pair, clients, refused: Arc::default() }
    }

    pub(crate) fn key_pair(&self) -> KeyPair {
        self.pair.key_pair()
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Counts clients whose key is not known.
    pub fn refused(&self) -> Arc<AtomicU64> {
        self.refused.clone()
    }
}
