//! A message of which not all frames have come.

use std::{borrow::Cow, mem};

use super::Message;
use crate::limits::{LimitError, Limits};

/// A message of which not all frames have come.
#[derive(Debug)]
pub(crate) struct Assembly {
    max_bytes: usize,
    max_frames: usize,
    message: Message,
}

impl Assembly {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            max_bytes: limits.message_bytes,
            max_frames: limits.message_frames,
            message: Message::default(),
        }
    }

    /// Whether a frame of this size may still come.
    pub(crate) fn check(&self, size: usize) -> Result<(), LimitError> {
        if self.message.frame_count() >= self.max_frames {
            return Err(LimitError::MessageFrames(self.max_frames));
        }
        if size > self.max_bytes - self.message.byte_count() {
            return Err(LimitError::MessageBytes(self.max_bytes));
        }
        Ok(())
    }

    /// Adds a frame that [`check`](Self::check) lets pass.
    pub(crate) fn push(&mut self, frame: Cow<'_, [u8]>) -> Result<(), LimitError> {
        self.check(frame.len())?;
        match frame {
            Cow::Owned(frame) if self.message.bytes.is_empty() => {
                self.message.ends.push(frame.len());
                self.message.bytes = frame;
            }
            frame => self.message.push(&frame),
        }
        Ok(())
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.message.bytes.capacity() + self.message.ends.capacity() * size_of::<usize>()
    }

    /// Hands out the message, whose last frame has come.
    pub(crate) fn finish(&mut self) -> Message {
        mem::take(&mut self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembly() -> Assembly {
        Assembly::new(Limits::of_messages(4, 3))
    }

    #[test]
    fn frames_become_a_message_and_the_next_begins_empty() {
        let mut assembly = assembly();
        assembly.push(Cow::Borrowed(b"")).unwrap();
        assembly.push(Cow::Owned(b"ab".to_vec())).unwrap();
        assembly.push(Cow::Owned(b"cd".to_vec())).unwrap();
        assert_eq!(assembly.finish(), Message::from_iter(["", "ab", "cd"]));
        assembly.push(Cow::Owned(b"wxyz".to_vec())).unwrap();
        assert_eq!(assembly.finish(), Message::from_iter(["wxyz"]));
    }

    #[test]
    fn the_bytes_of_all_frames_together_are_limited() {
        let mut assembly = assembly();
        assert_eq!(assembly.check(5), Err(LimitError::MessageBytes(4)));
        assert_eq!(assembly.check(usize::MAX), Err(LimitError::MessageBytes(4)));
        assembly.push(Cow::Borrowed(b"abc")).unwrap();
        assert_eq!(assembly.check(1), Ok(()));
        assert_eq!(assembly.check(2), Err(LimitError::MessageBytes(4)));
        assert_eq!(assembly.push(Cow::Borrowed(b"de")), Err(LimitError::MessageBytes(4)));
    }

    #[test]
    fn the_frames_of_a_message_are_limited() {
        let mut assembly = assembly();
        for _ in 0..3 {
            assembly.push(Cow::Borrowed(b"")).unwrap();
        }
        assert_eq!(assembly.check(0), Err(LimitError::MessageFrames(3)));
    }
}
