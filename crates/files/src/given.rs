//! Files that somebody named on a command line.

use std::{fs::File, io, path::Path};

use crate::read::{read_at_most, text};

/// What a file holds that somebody named on a command line: a pipe or a terminal too, which is read
/// to its end, for as long as that takes. Not for what is read again later.
///
/// # Errors
///
/// Those of reading, and a [`crate::Refusal`] where it is larger than `max_bytes`.
pub fn read_given(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    #[expect(clippy::disallowed_methods, reason = "whoever names a pipe has it read")]
    read_at_most(File::open(path)?, max_bytes)
}

/// The text in such a file.
///
/// # Errors
///
/// As [`read_given`], and where it is not UTF-8.
pub fn read_given_text(path: &Path, max_bytes: u64) -> io::Result<String> {
    text(read_given(path, max_bytes)?)
}
