//! Who is let in by which endpoint: in the clear everybody, encrypted those with a known key.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use laniakea_zmtp::{Limits, Role, Security, Setup, curve::PublicKey};

use super::{places::Places, stream::Address};
use crate::{
    curve::{Clients, CurveGate, CurveKey},
    listen::ConnectionLimits,
};

/// Endpoints that are guarded alike, and who came by them.
pub(crate) struct Door {
    pub(crate) setup: Setup,
    guard: Option<Guard>,
    pub(super) places: Places,
}

struct Guard {
    clients: Clients,
    refused: Arc<AtomicU64>,
    /// Of the clients, when the connections were last held against them.
    version: u64,
}

impl Door {
    pub(crate) fn new(
        gate: Option<&CurveGate>,
        role: Role,
        messages: Limits,
        limits: ConnectionLimits,
    ) -> Self {
        let security = match gate {
            None => Security::NullServer,
            Some(gate) => Security::CurveServer(gate.key_pair()),
        };
        let guard = gate.map(|gate| Guard {
            clients: gate.clients().clone(),
            refused: gate.refused(),
            version: 0,
        });
        let setup = Setup { role, security, limits: messages };
        Self { setup, guard, places: Places::new(limits) }
    }

    /// Whether connections are to be looked at again although nothing comes over them.
    pub(crate) fn is_guarded(&self) -> bool {
        self.guard.is_some()
    }

    /// Whether a key is one of those that may connect.
    pub(crate) fn admits(&self, key: PublicKey, address: Address) -> Option<CurveKey> {
        let guard = self.guard.as_ref()?;
        let key = CurveKey::from_bytes(*key.as_bytes());
        if guard.clients.signer(&key).is_some() {
            return Some(key);
        }
        guard.refused.fetch_add(1, Ordering::Relaxed);
        let reason = "the key is not trusted";
        tracing::info!(reason, %key, %address, "an encrypted connection was refused");
        None
    }

    /// The keys that may connect, if they are others than when this was asked last.
    pub(crate) fn changed(&mut self) -> Option<&Clients> {
        let guard = self.guard.as_mut()?;
        let version = guard.clients.version();
        let is_changed = std::mem::replace(&mut guard.version, version) != version;
        is_changed.then_some(&guard.clients)
    }
}
