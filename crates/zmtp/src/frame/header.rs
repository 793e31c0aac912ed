//! What stands before the body of a frame.

/// What a frame is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message that goes on with the next frame.
    More,
    /// A message that ends with this frame.
    Last,
    /// Nothing: it is a command.
    Command,
}

/// The bits of the first byte.
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

impl Kind {
    fn flags(self) -> u8 {
        match self {
            Self::More => MORE,
            Self::Last => 0,
            Self::Command => COMMAND,
        }
    }
}

/// What stands before the body of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The bytes of the body.
    pub(crate) size: usize,
}

/// A frame begins with what no version of ZMTP 3 has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame with the flags {flags:#04x}")]
pub struct FrameError {
    flags: u8,
}

impl Header {
    pub(crate) const MAX_BYTES: usize = 9;

    /// Reads a header; `None` if `bytes` are the beginning of one.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, FrameError> {
        let Some((&flags, size)) = bytes.split_first() else {
            return Ok(None);
        };
        let kind = match flags & !LONG {
            0 => Kind::Last,
            MORE => Kind::More,
            COMMAND => Kind::Command,
            _ => return Err(FrameError { flags }),
        };
        let size = if flags & LONG == 0 {
            size.first().map(|size| usize::from(*size))
        } else {
            // What does not fit into memory is above every limit.
            let size = size.first_chunk().map(|size| u64::from_be_bytes(*size));
            size.map(|size| usize::try_from(size).unwrap_or(usize::MAX))
        };
        Ok(size.map(|size| Self { kind, size }))
    }

    /// Appends the header.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        if let Ok(size) = u8::try_from(self.size) {
            out.extend([self.kind.flags(), size]);
        } else {
            out.push(self.kind.flags() | LONG);
            out.extend((self.size as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for kind in [Kind::More, Kind::Last, Kind::Command] {
            for size in [0, 1, 255, 256, 65_536, usize::MAX] {
                let mut bytes = Vec::new();
                Header { kind, size }.put(&mut bytes);
                assert_eq!(bytes.len(), if size < 256 { 2 } else { 9 });
                assert_eq!(Header::parse(&bytes), Ok(Some(Header { kind, size })));
                for end in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..end]), Ok(None), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn a_small_size_may_be_written_long() {
        let bytes = [2, 0, 0, 0, 0, 0, 0, 0, 3];
        assert_eq!(Header::parse(&bytes), Ok(Some(Header { kind: Kind::Last, size: 3 })));
    }

    #[test]
    fn flags_that_mean_nothing_are_refused() {
        let known = [0, MORE, COMMAND, LONG, LONG | MORE, LONG | COMMAND];
        for flags in 0..=255 {
            let refused = Header::parse(&[flags, 0]).is_err();
            assert_eq!(refused, !known.contains(&flags), "{flags:#04x}");
        }
        let error = Header::parse(&[MORE | COMMAND]).unwrap_err();
        assert_eq!(error.to_string(), "a frame with the flags 0x05");
    }
}
