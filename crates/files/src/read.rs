//! Reads regular files up to a bound.

use std::{
    io::{self, Read},
    path::Path,
};

use crate::{Refusal, open};

/// What a regular file holds, if it is no larger than `max_bytes`.
///
/// # Errors
///
/// Those of reading, and a [`Refusal`].
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    read_at_most(open(path)?, max_bytes)
}

/// The text in a regular file, if it is no larger than `max_bytes`.
///
/// # Errors
///
/// As [`read`], and where it is not UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    text(read(path, max_bytes)?)
}

/// Everything that is left to read, if it is no more than `max_bytes`. No more is read and kept.
///
/// # Errors
///
/// Those of reading, and [`Refusal::Large`].
pub fn read_at_most(from: impl Read, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > max_bytes {
        return Err(Refusal::Large(max_bytes).into());
    }
    Ok(bytes)
}

pub(crate) fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}
