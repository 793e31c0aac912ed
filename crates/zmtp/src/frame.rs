//! Frames: the pieces that everything after the greeting is made of (RFC 37, "Framing").
//!
//! A frame is a byte of flags, its size in one or eight bytes, and its body. A size is checked by
//! whoever knows what is allowed at this point, before anything is allocated for the body.

mod header;
mod reader;

pub use header::FrameError;
pub(crate) use header::{Header, Kind};
pub(crate) use reader::FrameReader;

/// What a frame is, and its body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    /// Borrowed from the input where all of it came at once.
    pub(crate) body: std::borrow::Cow<'a, [u8]>,
}

/// Appends a frame.
pub(crate) fn put(out: &mut Vec<u8>, kind: Kind, body: &[u8]) {
    Header { kind, size: body.len() }.put(out);
    out.extend_from_slice(body);
}
