//! Where a server listens, to whom, and how much it puts up with.

use std::sync::Arc;

use crate::{WireError, curve::CurveGate};

/// An address to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(pub String);

/// Where a server listens, to whom, and how much it puts up with.
#[derive(Clone, Default)]
pub struct Listen {
    /// For everybody, in the clear.
    pub plain: Vec<Endpoint>,
    /// Encrypted, for the gate's clients.
    pub curve: Vec<Endpoint>,
    /// Guards the encrypted ones.
    pub gate: Option<Arc<CurveGate>>,
    /// What is too much.
    pub limits: ConnectionLimits,
}

/// How much a server puts up with from its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections to the plain endpoints, and as many to the encrypted ones; more are cut.
    pub connections: usize,
    /// Of these, how many come from one address, or one /64 of IPv6. `None`: half of them, and as
    /// many as there are from this machine. A number is for this machine too. `ipc://` has no address.
    pub per_address: Option<usize>,
    /// And how many have proved to have one key. `None`: half of them.
    pub per_key: Option<usize>,
    /// Subscriptions of one connection; whoever has more is cut.
    pub subscriptions: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { connections: 500, per_address: None, per_key: None, subscriptions: 250 }
    }
}

impl Listen {
    /// In the clear alone.
    pub fn plain(endpoints: impl Into<Vec<Endpoint>>) -> Self {
        Self { plain: endpoints.into(), ..Self::default() }
    }

    /// The endpoints in groups that are guarded alike.
    pub(crate) fn doors(&self) -> Result<Vec<Guarded<'_>>, WireError> {
        let mut doors = vec![(&self.plain[..], None)];
        if !self.curve.is_empty() {
            doors.push((&self.curve[..], Some(&**self.gate.as_ref().ok_or(WireError::NoGate)?)));
        }
        Ok(doors)
    }
}

/// Endpoints, and the gate of those that are encrypted.
pub(crate) type Guarded<'a> = (&'a [Endpoint], Option<&'a CurveGate>);
