//! What each side says of itself in the handshake: a list of names with values.
//!
//! Of all that a peer may say, only its role is of use. Its identity is its wish: connections are told
//! apart by what they are, never by what they say.

use crate::role::Role;

const SOCKET_TYPE: &str = "Socket-Type";
const IDENTITY: &str = "Identity";

/// The metadata are not as RFC 37 has them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A name or a value goes on beyond the end.
    #[error("metadata that end in the middle")]
    Truncated,
    /// The role is missing.
    #[error("metadata without {SOCKET_TYPE}")]
    NoRole,
    /// The role is there more than once.
    #[error("metadata with {SOCKET_TYPE} twice")]
    TwoRoles,
}

/// Ours.
pub(crate) fn write(role: Role) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, SOCKET_TYPE, role.as_str());
    if role.has_identity() {
        put(&mut out, IDENTITY, "");
    }
    out
}

fn put(out: &mut Vec<u8>, name: &'static str, value: &'static str) {
    let length = |text: &str| u8::try_from(text.len()).expect("the names and roles are short");
    out.push(length(name));
    out.extend_from_slice(name.as_bytes());
    out.extend(u32::from(length(value)).to_be_bytes());
    out.extend_from_slice(value.as_bytes());
}

/// The name of the peer's role.
pub(crate) fn read_role(mut bytes: &[u8]) -> Result<&[u8], MetadataError> {
    let mut role = None;
    while !bytes.is_empty() {
        let (name, value) = split_off_property(&mut bytes).ok_or(MetadataError::Truncated)?;
        if name.eq_ignore_ascii_case(SOCKET_TYPE.as_bytes()) && role.replace(value).is_some() {
            return Err(MetadataError::TwoRoles);
        }
    }
    role.ok_or(MetadataError::NoRole)
}

fn split_off_property<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let name_length = usize::from(*bytes.split_off_first()?);
    let name = bytes.split_off(..name_length)?;
    let (value_length, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    let value = bytes.split_off(..usize::try_from(u32::from_be_bytes(*value_length)).ok()?)?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_say_is_what_libzmq_says() {
        assert_eq!(write(Role::XPub), b"\x0bSocket-Type\0\0\0\x04XPUB");
        let dealer = b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0";
        assert_eq!(write(Role::Dealer), dealer);
        for role in Role::ALL {
            assert_eq!(read_role(&write(*role)), Ok(role.as_str().as_bytes()));
        }
    }

    #[test]
    fn other_properties_are_passed_over_and_names_have_no_case() {
        let bytes = b"\x01X\0\0\0\x02ab\0\0\0\0\0\x0bsocket-typE\0\0\0\x03SUB\x04more\0\0\0\0";
        assert_eq!(read_role(bytes), Ok(&b"SUB"[..]));
    }

    #[test]
    fn metadata_that_end_in_the_middle_are_refused() {
        let bytes = write(Role::Dealer);
        let whole = write(Role::XPub).len() + 2;
        for end in (1..bytes.len()).filter(|end| *end != whole) {
            assert_eq!(read_role(&bytes[..end]), Err(MetadataError::Truncated), "{end}");
        }
        let far = b"\x0bSocket-Type\xff\xff\xff\xffSUB";
        assert_eq!(read_role(far), Err(MetadataError::Truncated));
    }

    #[test]
    fn a_role_is_there_once() {
        assert_eq!(read_role(b""), Err(MetadataError::NoRole));
        assert_eq!(read_role(b"\x01X\0\0\0\x02ab"), Err(MetadataError::NoRole));
        let twice = [write(Role::Sub), write(Role::Sub)].concat();
        assert_eq!(read_role(&twice), Err(MetadataError::TwoRoles));
    }
}
