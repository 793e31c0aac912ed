//! What a program says, of which the beginning and the end are kept.

/// Collects output. Of what is too long the middle is left out: the end says why it failed, the
/// beginning what it was.
#[derive(Debug)]
pub struct Output {
    limit: usize,
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    left_out: usize,
}

impl Output {
    /// Keeps about so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, head: Vec::new(), tail: std::collections::VecDeque::new(), left_out: 0 }
    }

    /// Adds what came.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = (self.limit / 2).saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let too_many = self.tail.len().saturating_sub(self.limit - self.limit / 2);
        self.tail.drain(..too_many);
        self.left_out += too_many;
    }

    /// All that was kept.
    pub fn finish(self) -> Vec<u8> {
        let mut bytes = self.head;
        if self.left_out > 0 {
            bytes.extend_from_slice(format!("\n[{} bytes left out]\n", self.left_out).as_bytes());
        }
        bytes.extend(self.tail);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        for chunk in [1, 3, 100] {
            let mut output = Output::new(10);
            let text = b"abcdefghijklmnopqrstuvwxyz";
            text.chunks(chunk).for_each(|bytes| output.add(bytes));
            assert_eq!(output.finish(), b"abcde\n[16 bytes left out]\nvwxyz");
        }
        let mut output = Output::new(10);
        output.add(b"abcdefghij");
        assert_eq!(output.finish(), b"abcdefghij");
    }
}
