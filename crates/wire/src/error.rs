//! What can go wrong with sockets themselves; what peers do wrong never comes here.

use crate::InvalidEndpoint;

/// A socket could not be set up or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// ZeroMQ's context or a socket could not be made.
    #[error("could not make a ZeroMQ socket")]
    Socket(#[source] zmq::Error),
    /// The address is taken, not local, or malformed.
    #[error("could not bind {endpoint}")]
    Bind {
        /// Where.
        endpoint: String,
        /// Why not.
        source: zmq::Error,
    },
    /// The endpoint is malformed.
    #[error("could not connect to {endpoint}")]
    Connect {
        /// Where.
        endpoint: String,
        /// Why not.
        source: InvalidEndpoint,
    },
    /// Encrypted connections were asked for and cannot be had.
    #[error("this libzmq cannot encrypt connections (CURVE); install one of 4.3 that can")]
    NoCurve,
    /// Encrypted endpoints without a gate would let anybody in.
    #[error("encrypted endpoints need a CURVE key and a list of clients")]
    NoGate,
    /// The operating system gave no thread or eventfd.
    #[error("could not start the socket thread")]
    Thread(#[source] std::io::Error),
}

impl From<zmq::Error> for WireError {
    fn from(error: zmq::Error) -> Self {
        Self::Socket(error)
    }
}
