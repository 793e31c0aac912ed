//! The first 64 bytes of each side: that it speaks ZMTP, which version, and how it encrypts.

mod dialect;
mod exchange;

use std::fmt;

pub use dialect::Dialect;
pub(crate) use exchange::Greeting;

/// Which ZMTP a peer speaks. We speak 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.0: subscriptions are messages (libzmq before 4.3.3).
    V3_0,
    /// 3.1 or later: subscriptions are commands.
    V3_1,
}

/// How a connection is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Not at all.
    Null,
    /// Encrypted, and both ends have proved their keys.
    Curve,
}

impl Mechanism {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Curve => "CURVE",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The peer does not greet as we do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// Something else than ZMTP from 2.0 on.
    #[error("not ZMTP: {0}")]
    NotZmtp(Dialect),
    /// ZMTP of before 2013.
    #[error("ZMTP {0}, where 3.0 is the oldest that is spoken here")]
    OldVersion(&'static str),
    /// It wants to encrypt and we do not, or the reverse.
    #[error("the peer wants {theirs}, and here is {ours}")]
    OtherMechanism {
        /// What the peer wants.
        theirs: String,
        /// What we have.
        ours: Mechanism,
    },
}
