//! How much a peer may make a connection hold.

/// How much a peer may make a connection hold.
///
/// What is declared is compared with these before anything is allocated, and memory grows only with
/// the bytes that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of all frames of a message together.
    pub message_bytes: usize,
    /// The frames of a message.
    pub message_frames: usize,
    /// The bytes of a command after the handshake, and of a topic in either spelling.
    pub command_bytes: usize,
    /// All bytes that come before the handshake is done.
    pub handshake_bytes: usize,
}

impl Limits {
    /// Limits for messages of this size, with usual ones for the rest.
    pub const fn of_messages(bytes: usize, frames: usize) -> Self {
        Self {
            message_bytes: bytes,
            message_frames: frames,
            command_bytes: 1 << 10,
            handshake_bytes: 4 << 10,
        }
    }
}

/// A peer went beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// See [`Limits::message_bytes`].
    #[error("a message of more than {0} bytes")]
    MessageBytes(usize),
    /// See [`Limits::message_frames`].
    #[error("a message of more than {0} frames")]
    MessageFrames(usize),
    /// See [`Limits::command_bytes`].
    #[error("a command or topic of more than {0} bytes")]
    CommandBytes(usize),
    /// See [`Limits::handshake_bytes`].
    #[error("a handshake of more than {0} bytes")]
    HandshakeBytes(usize),
}
