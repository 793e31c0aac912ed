//! The whole lines of a file that somebody else appends to.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

/// Reads on where it stopped. A line that is not finished yet, or that a crash cut off and somebody
/// removed again, is not seen.
#[derive(Debug)]
pub struct Lines {
    file: File,
    at: u64,
}

impl Lines {
    /// From the beginning.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, at: 0 })
    }

    /// What was finished since the last call.
    pub fn read(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = Vec::new();
        let mut more = vec![0; 256 << 10];
        loop {
            let count = self.file.read_at(&mut more, self.at + bytes.len() as u64)?;
            if count == 0 {
                break;
            }
            bytes.extend(more.iter().take(count));
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(whole);
        self.at += whole as u64;
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }
}
