//! Why a connection ended, and what follows from it.

use std::{fmt, io};

use laniakea_zmtp::{ConnectionError, HandshakeError};

use super::backoff::Trouble;

/// Why a connection ended, or did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("could not connect: {0}")]
    NoConnection(io::Error),
    #[error("the peer closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    /// What came is no ZMTP, or says that we are not wanted.
    #[error(transparent)]
    Refused(#[from] ConnectionError),
    #[error("no handshake in time")]
    Silent,
    /// The handshake was not looked after for a while, and says nothing about the peer.
    #[error("the handshake was left alone")]
    LeftAlone,
    #[error("the peer's host has vanished")]
    Vanished,
    /// The owner of the link wants another one.
    #[error("the connection was given up")]
    GivenUp,
}

/// How far the connection had got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There was none.
    None,
    /// The peer has said nothing.
    Mute,
    /// The peer has said something.
    Greeted,
    /// The handshake was done.
    Ready,
}

/// Why no connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The relay does not trust the key.
    KeyRefused,
    /// The two ends do not understand each other: another server key, or one encrypts and the
    /// other does not.
    NotUnderstood,
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KeyRefused => "the relay does not trust this key for connections",
            Self::NotUnderstood => {
                "no handshake: the server key is another one, or one end encrypts and the other does not"
            }
        })
    }
}

impl Ended {
    /// How long to wait for the next connection. Who answers and then closes before the handshake is
    /// done does not want us: so do servers that have another key, and libzmq where one end
    /// encrypts and the other does not.
    pub(super) fn trouble(&self, progress: Progress) -> Trouble {
        match self {
            Self::Refused(_) => Trouble::Refused,
            Self::Closed | Self::Broken(_) if progress == Progress::Greeted => Trouble::Refused,
            _ => Trouble::Broken,
        }
    }

    /// What is told about a handshake that failed.
    pub(super) fn failure(&self, progress: Progress) -> Option<HandshakeFailure> {
        match (self, progress) {
            (Self::Refused(ConnectionError::Handshake(HandshakeError::Refused(reason))), _)
                if reason == "400" =>
            {
                Some(HandshakeFailure::KeyRefused)
            }
            (Self::LeftAlone | Self::GivenUp, _) | (_, Progress::None | Progress::Ready) => None,
            _ => Some(HandshakeFailure::NotUnderstood),
        }
    }
}
