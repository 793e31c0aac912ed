//! Why a connection ends.

use crate::{
    CommandError, FrameError, GreetingError, HandshakeError, LimitError, curve::CurveError,
};

/// Why a connection ends. The text is one line, in which everything that the peer sent is escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer speaks something else, or an old or another ZMTP.
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    /// The peer is not let in, or does not let us in.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The peer went beyond a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A frame that is none.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A command that is none.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A frame that was not sealed for us, now.
    #[error(transparent)]
    Curve(#[from] CurveError),
    /// It had ended before.
    #[error("the connection is over")]
    Over,
}

impl ConnectionError {
    /// What the peer is told.
    pub(super) fn reply(&self) -> Option<String> {
        match self {
            Self::Handshake(error) => error.reply(),
            _ => None,
        }
    }
}

/// The handshake is not done, or the connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection is not ready for messages")]
pub struct NotReady;
