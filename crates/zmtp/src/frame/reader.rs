//! Makes frames of bytes that come in pieces.

use std::{borrow::Cow, mem};

use super::{Frame, FrameError, Header};

/// Makes frames of bytes that come in pieces. It holds the frame that is not complete, and no memory
/// between frames.
#[derive(Debug, Default)]
pub(crate) struct FrameReader {
    /// The beginning of a header.
    head: [u8; Header::MAX_BYTES],
    head_length: usize,
    /// The header of the frame whose body is being read.
    header: Option<Header>,
    /// What came of the body.
    body: Vec<u8>,
}

impl FrameReader {
    /// Takes a frame from the front of `input`, or all of it if that is no whole frame. `check` sees
    /// the header of each frame once, before its body is taken.
    pub(crate) fn read<'a, E: From<FrameError>>(
        &mut self,
        input: &mut &'a [u8],
        check: impl FnOnce(Header) -> Result<(), E>,
    ) -> Result<Option<Frame<'a>>, E> {
        let header = if let Some(header) = self.header {
            header
        } else {
            let Some(header) = self.read_header(input)? else {
                return Ok(None);
            };
            check(header)?;
            *self.header.insert(header)
        };
        let missing = header.size - self.body.len();
        let piece = input.split_off(..missing.min(input.len())).unwrap_or_default();
        if piece.len() < missing {
            self.body.extend_from_slice(piece);
            return Ok(None);
        }
        self.header = None;
        let body = if self.body.is_empty() {
            Cow::Borrowed(piece)
        } else {
            self.body.extend_from_slice(piece);
            Cow::Owned(mem::take(&mut self.body))
        };
        Ok(Some(Frame { kind: header.kind, body }))
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.body.capacity()
    }

    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Header>, FrameError> {
        while let Some(&byte) = input.split_off_first() {
            self.head[self.head_length] = byte;
            self.head_length += 1;
            if let Some(header) = Header::parse(&self.head[..self.head_length])? {
                self.head_length = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Kind, *};

    fn read<'a>(reader: &mut FrameReader, input: &mut &'a [u8]) -> Option<Frame<'a>> {
        reader.read(input, |_| Ok::<_, FrameError>(())).unwrap()
    }

    #[test]
    fn frames_are_taken_one_by_one() {
        let mut reader = FrameReader::default();
        let mut input: &[u8] = b"\x01\x02ab\x00\x00\x04\x01c";
        let first = read(&mut reader, &mut input).unwrap();
        assert_eq!((first.kind, first.body), (Kind::More, Cow::Borrowed(&b"ab"[..])));
        assert_eq!(read(&mut reader, &mut input).unwrap().body.len(), 0);
        assert_eq!(read(&mut reader, &mut input).unwrap().kind, Kind::Command);
        assert_eq!((read(&mut reader, &mut input), input.len()), (None, 0));
    }

    #[test]
    fn what_is_not_complete_is_kept_until_it_is() {
        let mut reader = FrameReader::default();
        for mut byte in b"\x00\x03ab".chunks(1) {
            assert_eq!(read(&mut reader, &mut byte), None);
        }
        let mut rest: &[u8] = b"c\x00";
        assert_eq!(&*read(&mut reader, &mut rest).unwrap().body, b"abc");
        assert_eq!((rest.len(), reader.body.capacity()), (1, 0));
    }

    #[test]
    fn a_size_is_checked_before_anything_is_allocated() {
        let mut reader = FrameReader::default();
        let mut input: &[u8] = b"\x02\x00\x00\x00\x00\xff\xff\xff\xffabc";
        let result = reader.read(&mut input, |header| {
            assert_eq!(header.size, 0xffff_ffff);
            Err(Header::parse(b"\xff").unwrap_err())
        });
        assert!(result.is_err());
        assert_eq!((input, reader.body.capacity()), (&b"abc"[..], 0));
    }

    #[test]
    fn memory_grows_with_what_comes_and_not_with_what_is_announced() {
        let mut reader = FrameReader::default();
        let mut input: &[u8] = b"\x02\x00\x00\x00\x00\xff\xff\xff\xffabc";
        assert_eq!(read(&mut reader, &mut input), None);
        assert!(reader.body.capacity() < 64);
    }
}
