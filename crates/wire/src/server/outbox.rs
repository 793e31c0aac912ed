//! What waits to be written to a connection: blocks of whole messages, shared where several
//! connections get the same ones.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Blocks that one call writes.
const MAX_SLICES: usize = 64;
/// A queue that was longer gives its memory back once it is empty.
const MAX_IDLE_BLOCKS: usize = 64;

/// How much may wait for all connections of a server together. Each block counts once, for however
/// many connections it waits.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    used: Arc<AtomicUsize>,
    most: usize,
}

impl Pool {
    pub(crate) fn new(most: usize) -> Self {
        Self { used: Arc::default(), most }
    }

    /// Makes a block of whole messages.
    pub(crate) fn block(&self, bytes: Vec<u8>) -> Arc<Block> {
        self.used.fetch_add(bytes.len(), Ordering::Relaxed);
        Arc::new(Block { bytes, used: self.used.clone() })
    }

    /// What one connection may have waiting: the less is left, the less it is, so that those who do
    /// not read never take the last of it from those who do.
    pub(crate) fn share(&self) -> usize {
        self.most.saturating_sub(self.used.load(Ordering::Relaxed))
    }
}

/// Whole messages as they are written.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    used: Arc<AtomicUsize>,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// What waits to be written to a connection.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    blocks: VecDeque<Arc<Block>>,
    /// Of the first block.
    written: usize,
    /// Of all blocks, what is not written.
    bytes: usize,
}

/// What writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    All,
    /// The kernel takes no more for now.
    Some,
}

impl Outbox {
    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(crate) fn push(&mut self, block: Arc<Block>) {
        if !block.bytes.is_empty() {
            self.bytes += block.bytes.len();
            self.blocks.push_back(block);
        }
    }

    /// Before everything of which no byte is written yet: never in the middle of a message.
    pub(crate) fn push_first(&mut self, block: Arc<Block>) {
        self.bytes += block.bytes.len();
        let place = usize::from(self.written > 0);
        self.blocks.insert(place.min(self.blocks.len()), block);
    }

    /// Writes what the kernel takes, with as few calls as it takes.
    pub(crate) fn write(&mut self, stream: &mut impl Write) -> io::Result<Written> {
        while !self.blocks.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut skip = self.written;
            let mut count = 0;
            for (slice, block) in slices.iter_mut().zip(&self.blocks) {
                *slice = IoSlice::new(&block.bytes[skip..]);
                skip = 0;
                count += 1;
            }
            match stream.write_vectored(&slices[..count]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Written::Some),
                Err(error) => return Err(error),
            }
        }
        Ok(Written::All)
    }

    fn advance(&mut self, count: usize) {
        self.bytes -= count;
        self.written += count;
        while let Some(first) = self.blocks.front()
            && self.written >= first.bytes.len()
        {
            self.written -= first.bytes.len();
            self.blocks.pop_front();
        }
        if self.blocks.is_empty() && self.blocks.capacity() > MAX_IDLE_BLOCKS {
            self.blocks.shrink_to(MAX_IDLE_BLOCKS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes a call, and as many calls.
    struct Slow {
        taken: Vec<u8>,
        each: usize,
        calls: usize,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.calls = self.calls.checked_sub(1).ok_or(ErrorKind::WouldBlock)?;
            let before = self.taken.len();
            for slice in slices {
                let left = self.each - (self.taken.len() - before);
                self.taken.extend_from_slice(&slice[..left.min(slice.len())]);
            }
            Ok(self.taken.len() - before)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn blocks_go_out_in_order_and_whole_however_little_is_taken() {
        for each in 1..20 {
            let pool = Pool::new(100);
            let mut outbox = Outbox::default();
            for block in ["first", "second", "", "third"] {
                outbox.push(pool.block(block.into()));
            }
            assert_eq!((outbox.bytes(), pool.share()), (16, 84));
            let mut slow = Slow { taken: Vec::new(), each, calls: 1 };
            outbox.write(&mut slow).unwrap();
            outbox.push_first(pool.block("NOW".into()));
            slow.calls = 100;
            assert_eq!(outbox.write(&mut slow).unwrap(), Written::All);
            let expected = match each {
                ..=5 => "firstNOWsecondthird",
                6..=11 => "firstsecondNOWthird",
                _ => "firstsecondthirdNOW",
            };
            assert_eq!(String::from_utf8_lossy(&slow.taken), expected, "{each} at a time");
            assert_eq!((outbox.bytes(), pool.share()), (0, 100));
        }
    }

    #[test]
    fn what_waits_for_many_counts_once() {
        let pool = Pool::new(10);
        let block = pool.block(vec![0; 6]);
        let mut outboxes = [Outbox::default(), Outbox::default()];
        for outbox in &mut outboxes {
            outbox.push(block.clone());
        }
        drop(block);
        assert_eq!(pool.share(), 4);
        let [one, _other] = outboxes;
        drop(one);
        assert_eq!(pool.share(), 4);
    }
}
