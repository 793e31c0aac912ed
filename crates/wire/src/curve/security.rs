//! A client's side of an encrypted connection.

use super::{CurveKey, CurvePair, check_available};
use crate::WireError;

/// How a client connects.
#[derive(Debug, Clone, Default)]
pub enum Security {
    /// In the clear.
    #[default]
    Plain,
    /// Encrypted, to a server that has this key and no other.
    Curve {
        /// The server's key.
        server: CurveKey,
        /// By which the server knows the client.
        own: CurvePair,
    },
}

impl Security {
    /// To be called before the socket connects.
    pub(crate) fn protect(&self, socket: &zmq::Socket) -> Result<(), WireError> {
        let Self::Curve { server, own } = self else { return Ok(()) };
        check_available()?;
        socket.set_curve_serverkey(server.as_bytes())?;
        socket.set_curve_publickey(own.public.as_bytes())?;
        socket.set_curve_secretkey(&own.secret)?;
        Ok(())
    }
}
