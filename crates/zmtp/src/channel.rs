//! How frames are written and read once the handshake is done: in the clear, or sealed.

use crate::{
    curve::{CurveError, Sealed},
    frame::{Frame, Kind, put},
};

/// How frames are written and read once the handshake is done.
#[derive(Debug)]
pub(crate) enum Channel {
    Plain,
    Sealed(Box<Sealed>),
}

impl Channel {
    /// By how much a frame is longer than what is in it.
    pub(crate) fn overhead(&self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Sealed(_) => Sealed::OVERHEAD,
        }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    /// Appends a frame.
    pub(crate) fn put(&mut self, kind: Kind, body: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Plain => put(out, kind, body),
            Self::Sealed(sealed) => sealed.put(kind, body, out),
        }
    }

    /// The frame in a frame.
    pub(crate) fn open<'a>(&mut self, frame: Frame<'a>) -> Result<Frame<'a>, CurveError> {
        match self {
            Self::Plain => Ok(frame),
            // As libzmq, whatever the flags outside are.
            Self::Sealed(sealed) => sealed.open(&frame.body),
        }
    }
}
