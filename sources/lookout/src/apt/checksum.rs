//! Reads a file to its end while counting and hashing it, never past a limit.

use std::{
    fmt,
    io::{self, Read},
};

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest as _, Sha256};

/// What a `Release` file says of a file: its size and its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Checksum {
    /// In bytes.
    pub size: u64,
    /// The hash.
    pub sha256: [u8; 32],
}

impl Checksum {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len() as u64, sha256: Sha256::digest(bytes).into() }
    }

    /// The hash in hexadecimal, as in `by-hash` paths.
    pub fn hex(&self) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.sha256)
    }

    /// Reads a hash that [`Self::hex`] or a `Release` file wrote.
    pub fn parse_hex(hex: &str) -> Option<[u8; 32]> {
        HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({} bytes)", self.hex(), self.size)
    }
}

/// A reader that knows the checksum of what went through it.
pub struct Meter<R> {
    inner: R,
    hasher: Sha256,
    read: u64,
    limit: u64,
}

impl<R: Read> Meter<R> {
    /// Lets at most `limit` bytes through; one more is an error.
    pub fn new(inner: R, limit: u64) -> Self {
        Self { inner, hasher: Sha256::new(), read: 0, limit }
    }

    /// Reads what is left and tells the checksum of the whole.
    ///
    /// # Errors
    ///
    /// What the reader says, and `InvalidData` beyond the limit.
    pub fn finish(&mut self) -> io::Result<Checksum> {
        io::copy(self, &mut io::sink())?;
        Ok(Checksum { size: self.read, sha256: self.hasher.clone().finalize().into() })
    }

    /// The reader inside.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for Meter<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        if self.read > self.limit {
            let message = format!("the file is longer than {} bytes", self.limit);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_covers_what_was_read_before_and_what_was_left() {
        let mut meter = Meter::new(&b"hello, world"[..], 100);
        meter.read_exact(&mut [0; 5]).unwrap();
        let checksum = meter.finish().unwrap();
        assert_eq!(checksum, Checksum::of(b"hello, world"));
        assert_eq!(
            checksum.hex(),
            "09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b"
        );
        assert_eq!(Checksum::parse_hex(&checksum.hex()), Some(checksum.sha256));
    }

    #[test]
    fn one_byte_beyond_the_limit_is_an_error() {
        assert!(Meter::new(&b"12345"[..], 5).finish().is_ok());
        let error = Meter::new(&b"123456"[..], 5).finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(Meter::new(io::repeat(0), 1 << 20).finish().is_err());
    }
}
