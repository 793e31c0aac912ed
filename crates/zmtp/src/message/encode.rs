//! Messages on their way out, for connections that are not encrypted.

use crate::frame::{Header, Kind, put};

/// Appends a message as every connection that is not encrypted reads it, so that it can be written
/// once for all of them. Without frames there is no message, and nothing is appended.
pub fn encode<F: AsRef<[u8]>>(frames: &[F], out: &mut Vec<u8>) {
    let bytes: usize = frames.iter().map(|frame| Header::MAX_BYTES + frame.as_ref().len()).sum();
    out.reserve(bytes);
    for_each_frame(frames, |kind, body| put(out, kind, body));
}

/// The frames of a message, each with what it is.
pub(crate) fn for_each_frame<F: AsRef<[u8]>>(frames: &[F], mut each: impl FnMut(Kind, &[u8])) {
    if let Some((last, others)) = frames.split_last() {
        for frame in others {
            each(Kind::More, frame.as_ref());
        }
        each(Kind::Last, last.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_frames_but_the_last_say_that_there_is_more() {
        let mut out = Vec::new();
        encode(&["id", "", "event"], &mut out);
        assert_eq!(out, b"\x01\x02id\x01\x00\x00\x05event");
    }

    #[test]
    fn a_long_frame_has_a_long_size() {
        let mut out = Vec::new();
        encode(&[[7; 256]], &mut out);
        assert_eq!(out[..10], [2, 0, 0, 0, 0, 0, 0, 1, 0, 7]);
    }

    #[test]
    fn without_frames_there_is_no_message() {
        let mut out = Vec::new();
        encode::<&str>(&[], &mut out);
        assert!(out.is_empty());
    }
}
