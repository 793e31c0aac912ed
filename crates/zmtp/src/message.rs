//! Messages: one or more frames that belong together.

mod assembly;
mod encode;

use std::fmt;

pub(crate) use assembly::Assembly;
pub use encode::encode;
pub(crate) use encode::for_each_frame;

/// A message that a peer sent, in one piece of memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
    /// Where each frame ends in `bytes`.
    ends: Vec<usize>,
}

impl Message {
    /// How many frames it has.
    pub fn frame_count(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of all frames together.
    pub fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// The frames in order.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.ends.len()).map(|number| {
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start..self.ends[number]]
        })
    }

    /// The frame, if it is the only one.
    pub(crate) fn only_frame(&self) -> Option<&[u8]> {
        (self.ends.len() == 1).then_some(&self.bytes)
    }

    fn push(&mut self, frame: &[u8]) {
        self.bytes.extend_from_slice(frame);
        self.ends.push(self.bytes.len());
    }
}

impl<F: AsRef<[u8]>> FromIterator<F> for Message {
    fn from_iter<I: IntoIterator<Item = F>>(frames: I) -> Self {
        let mut message = Self::default();
        frames.into_iter().for_each(|frame| message.push(frame.as_ref()));
        message
    }
}

/// Sizes alone: what is in it may be large, and is nobody's business.
impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<usize> = self.frames().map(<[u8]>::len).collect();
        write!(formatter, "Message{sizes:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_frames_that_were_put_in() {
        let frames: [&[u8]; 4] = [b"", b"ab", b"", b"c"];
        let message: Message = frames.iter().collect();
        assert_eq!(message.frames().collect::<Vec<_>>(), frames);
        assert_eq!((message.frame_count(), message.byte_count()), (4, 3));
        assert_eq!(format!("{message:?}"), "Message[0, 2, 0, 1]");
        assert_eq!(message.only_frame(), None);
        assert_eq!(Message::from_iter(["x"]).only_frame(), Some(&b"x"[..]));
    }
}
