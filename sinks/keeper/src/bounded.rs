//! Writing into memory, up to a bound.

use std::io::{self, Write};

/// Takes a little more than is allowed, so that one sees it, and then fails.
#[derive(Debug)]
pub(crate) struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Bounded {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    /// What was written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether that was more than is allowed.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.bytes.len() > self.limit
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_exceeded() {
            return Err(io::Error::other("too long"));
        }
        let room = (self.limit + 1 - self.bytes.len()).min(bytes.len());
        self.bytes.extend(bytes.iter().take(room));
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
