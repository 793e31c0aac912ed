//! What a connection is made with.

use crate::{
    curve::{KeyPair, PublicKey},
    limits::Limits,
    role::Role,
};

/// What a connection is made with. All connections of an endpoint share one.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What this end is there for.
    pub role: Role,
    /// Which side it is, and how it is guarded.
    pub security: Security,
    /// How much the peer may make it hold.
    pub limits: Limits,
}

/// Which side an end is, and how the connection is guarded. The server is who listens.
#[derive(Debug, Clone)]
pub enum Security {
    /// Connects in the clear.
    NullClient,
    /// Listens in the clear.
    NullServer,
    /// Connects encrypted, to the server that has this key.
    CurveClient {
        /// Ours.
        own: KeyPair,
        /// The server's.
        server: PublicKey,
    },
    /// Listens encrypted, with this key.
    CurveServer(KeyPair),
}

impl Security {
    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::NullServer | Self::CurveServer(_))
    }
}
