//! What can go wrong with sockets themselves; what peers do wrong never comes here.

use crate::InvalidEndpoint;

/// A socket could not be set up or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The address is taken, not local, or malformed.
    #[error("could not bind {endpoint}")]
    Bind {
        /// Where.
        endpoint: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The endpoint is malformed.
    #[error("could not connect to {endpoint}")]
    Connect {
        /// Where.
        endpoint: String,
        /// Why not.
        source: InvalidEndpoint,
    },
    /// Encrypted endpoints without a gate would let anybody in.
    #[error("encrypted endpoints need a CURVE key and a list of clients")]
    NoGate,
    /// The operating system gave no thread or eventfd.
    #[error("could not start the socket thread")]
    Thread(#[source] std::io::Error),
}
