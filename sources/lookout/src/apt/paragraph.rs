//! Cuts a control file into paragraphs without holding more than one of them.
//!
//! The fields inside are `deb822-fast`'s business. Its own reader keeps no limit and stops at the
//! first byte that is not UTF-8, which old maintainer names still hold.

use std::{
    borrow::Cow,
    io::{self, BufRead, Read as _},
};

/// `Packages` paragraphs are about a kilobyte; `Sources` of packages with thousands of files and
/// binaries reach some hundred.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The paragraphs of a control file, one at a time.
pub struct Paragraphs<R> {
    reader: R,
    line: Vec<u8>,
    paragraph: Vec<u8>,
}

impl<R: BufRead> Paragraphs<R> {
    /// Reads paragraphs from `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), paragraph: Vec::new() }
    }

    /// Reads the next paragraph; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// What the reader says, and `InvalidData` for a paragraph that is too long.
    pub fn read_next(&mut self) -> io::Result<Option<Cow<'_, str>>> {
        self.paragraph.clear();
        while self.read_line()? {
            if !self.line.trim_ascii().is_empty() {
                self.paragraph.extend_from_slice(&self.line);
            } else if !self.paragraph.is_empty() {
                break;
            }
        }
        Ok((!self.paragraph.is_empty()).then(|| String::from_utf8_lossy(&self.paragraph)))
    }

    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let left = MAX_BYTES - self.paragraph.len() as u64;
        let read = self.reader.by_ref().take(left).read_until(b'\n', &mut self.line)?;
        if read as u64 == left && self.line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a paragraph is too long"));
        }
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: &[u8]) -> Vec<String> {
        let mut paragraphs = Paragraphs::new(bytes);
        std::iter::from_fn(|| paragraphs.read_next().unwrap().map(Cow::into_owned)).collect()
    }

    #[test]
    fn paragraphs_end_at_blank_lines_and_at_the_end_of_the_file() {
        assert_eq!(split(b"\n\nA: 1\n b\n \t\n\nB: 2"), ["A: 1\n b\n", "B: 2"]);
        assert_eq!(split(b""), Vec::<String>::new());
        assert_eq!(split(b"\n \n"), Vec::<String>::new());
    }

    #[test]
    fn bytes_that_are_no_utf8_do_not_end_the_file() {
        assert_eq!(
            split(b"Maintainer: J\xf6rg\n\nB: 2\n"),
            ["Maintainer: J\u{fffd}rg\n", "B: 2\n"]
        );
    }

    #[test]
    fn an_endless_paragraph_is_an_error_before_it_fills_the_memory() {
        let endless = io::BufReader::new(io::repeat(b'a'));
        assert_eq!(
            Paragraphs::new(endless).read_next().unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        let lines = io::BufReader::new(Cycle);
        assert_eq!(
            Paragraphs::new(lines).read_next().unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    /// Field lines without end and without a blank one.
    struct Cycle;

    impl io::Read for Cycle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let line = b"A: 1\n";
            let length = buffer.len() / line.len() * line.len();
            for part in buffer[..length].chunks_mut(line.len()) {
                part.copy_from_slice(line);
            }
            Ok(length)
        }
    }
}
