//! Commands: what the two ends say to each other beside messages.
//!
//! A command is a name with its length before it, and whatever belongs to that name. Those of the
//! CURVE handshake are in [`crate::curve`].

use crate::{frame::Kind, greeting::Version};

/// How much of a PING comes back in the PONG.
const MAX_CONTEXT_BYTES: usize = 16;

/// A command after the handshake, or one that may end it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// The handshake is done; with metadata.
    Ready(&'a [u8]),
    /// It failed, and this is why.
    Error(&'a [u8]),
    /// Messages that begin so are wanted.
    Subscribe(&'a [u8]),
    /// They are not wanted any more.
    Cancel(&'a [u8]),
    /// An answer is wanted, with this in it.
    Ping(Context),
    /// The answer.
    Pong,
    /// Something else.
    Other(&'a [u8]),
}

/// What a PING wants to have back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    bytes: [u8; MAX_CONTEXT_BYTES],
    length: usize,
}

/// A command that is not as RFC 37 has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no name, or it goes on beyond the end.
    #[error("a command without a name")]
    NoName,
    /// Something is missing.
    #[error("a {0} that ends in the middle")]
    Truncated(&'static str),
}

impl<'a> Command<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, CommandError> {
        let (name, rest) = split_name(body)?;
        Ok(match name {
            b"READY" => Self::Ready(rest),
            b"ERROR" => Self::Error(read_reason(rest).ok_or(CommandError::Truncated("ERROR"))?),
            b"SUBSCRIBE" => Self::Subscribe(rest),
            b"CANCEL" => Self::Cancel(rest),
            b"PING" => {
                // The first two bytes arm a timer of those who want one. We go by TCP.
                let context = rest.get(2..).ok_or(CommandError::Truncated("PING"))?;
                Self::Ping(Context::new(context))
            }
            b"PONG" => Self::Pong,
            other => Self::Other(other),
        })
    }
}

/// Splits a command into its name and the rest.
pub(crate) fn split_name(body: &[u8]) -> Result<(&[u8], &[u8]), CommandError> {
    let (length, rest) = body.split_first().ok_or(CommandError::NoName)?;
    let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or(CommandError::NoName)?;
    if name.is_empty() { Err(CommandError::NoName) } else { Ok((name, rest)) }
}

fn read_reason(rest: &[u8]) -> Option<&[u8]> {
    let (length, reason) = rest.split_first()?;
    reason.get(..usize::from(*length))
}

impl Context {
    /// What is too long is cut, as libzmq does.
    fn new(bytes: &[u8]) -> Self {
        let length = bytes.len().min(MAX_CONTEXT_BYTES);
        let mut context = Self { bytes: [0; _], length };
        context.bytes[..length].copy_from_slice(&bytes[..length]);
        context
    }

    /// The body of the PONG.
    pub(crate) fn pong(&self) -> Vec<u8> {
        write("PONG", &self.bytes[..self.length])
    }
}

/// The body of a command.
pub(crate) fn write(name: &'static str, rest: &[u8]) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("the names of commands are short");
    [&[length], name.as_bytes(), rest].concat()
}

/// The body of an ERROR.
pub(crate) fn write_error(reason: &str) -> Vec<u8> {
    let length = reason.floor_char_boundary(usize::from(u8::MAX));
    let counted = u8::try_from(length).unwrap_or(u8::MAX);
    write("ERROR", &[&[counted], &reason.as_bytes()[..length]].concat())
}

/// Whether a topic is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Subscribe,
    Cancel,
}

impl Wish {
    /// How a peer of this version is told: as a command, or else as a message.
    pub(crate) fn write(self, version: Version, topic: &[u8]) -> (Kind, Vec<u8>) {
        match (version, self) {
            (Version::V3_1, Self::Subscribe) => (Kind::Command, write("SUBSCRIBE", topic)),
            (Version::V3_1, Self::Cancel) => (Kind::Command, write("CANCEL", topic)),
            (Version::V3_0, Self::Subscribe) => (Kind::Last, [&[1], topic].concat()),
            (Version::V3_0, Self::Cancel) => (Kind::Last, [&[0], topic].concat()),
        }
    }

    /// Reads what stands in a message of one frame.
    pub(crate) fn read_message(frame: &[u8]) -> Option<(Self, &[u8])> {
        match frame.split_first()? {
            (1, topic) => Some((Self::Subscribe, topic)),
            (0, topic) => Some((Self::Cancel, topic)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart_by_their_names() {
        for (body, command) in [
            (&b"\x05READYabc"[..], Command::Ready(b"abc")),
            (b"\x05ERROR\x03why", Command::Error(b"why")),
            (b"\x05ERROR\0why", Command::Error(b"")),
            (b"\x09SUBSCRIBE", Command::Subscribe(b"")),
            (b"\x06CANCELa.b", Command::Cancel(b"a.b")),
            (b"\x04PING\0\x05abc", Command::Ping(Context::new(b"abc"))),
            (b"\x04PONGabc", Command::Pong),
            (b"\x05HELLOabc", Command::Other(b"HELLO")),
            (b"\x05ready", Command::Other(b"ready")),
        ] {
            assert_eq!(Command::parse(body), Ok(command));
        }
    }

    #[test]
    fn commands_that_end_in_the_middle_are_refused() {
        for body in [&b""[..], b"\0", b"\0abc", b"\x05", b"\x05READ"] {
            assert_eq!(Command::parse(body), Err(CommandError::NoName), "{body:?}");
        }
        for body in [&b"\x05ERROR"[..], b"\x05ERROR\x04why"] {
            assert_eq!(Command::parse(body), Err(CommandError::Truncated("ERROR")));
        }
        for body in [&b"\x04PING"[..], b"\x04PING\0"] {
            assert_eq!(Command::parse(body), Err(CommandError::Truncated("PING")));
        }
    }

    #[test]
    fn a_pong_has_the_first_16_bytes_of_the_context() {
        assert_eq!(Context::new(b"").pong(), b"\x04PONG");
        assert_eq!(Context::new(&[7; 40]).pong(), [b"\x04PONG", &[7; 16][..]].concat());
    }

    #[test]
    fn a_reason_is_cut_where_a_command_ends() {
        assert_eq!(write_error("why"), b"\x05ERROR\x03why");
        let long = write_error(&"ä".repeat(200));
        assert_eq!((long.len(), long[6]), (6 + 1 + 254, 254));
        assert!(matches!(Command::parse(&long), Ok(Command::Error(reason)) if reason.len() == 254));
    }

    #[test]
    fn a_wish_is_spelled_as_the_peers_version_wants_it() {
        for (wish, command, message) in [
            (Wish::Subscribe, Command::Subscribe(b"a."), b"\x01a."),
            (Wish::Cancel, Command::Cancel(b"a."), b"\x00a."),
        ] {
            let (kind, body) = wish.write(Version::V3_1, b"a.");
            assert_eq!((kind, Command::parse(&body)), (Kind::Command, Ok(command)));
            let (kind, body) = wish.write(Version::V3_0, b"a.");
            assert_eq!((kind, &body[..]), (Kind::Last, &message[..]));
            assert_eq!(Wish::read_message(&body), Some((wish, &b"a."[..])));
        }
        assert_eq!(Wish::read_message(b""), None);
        assert_eq!(Wish::read_message(b"\x02a."), None);
    }
}
