//! Where servers listen, and why clients have no connection.

use std::fmt;

/// What sockets once shared. There is nothing in it any more.
#[derive(Debug, Clone, Default)]
pub struct Context(());

impl Context {
    /// A context.
    pub fn new() -> Self {
        Self::default()
    }
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

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(pub String);
