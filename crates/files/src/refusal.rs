//! Why a file is not read although it is there.

use std::{fs::FileType, io, os::unix::fs::FileTypeExt as _};

/// The file is nothing to read, whoever asks, for as long as it is this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is something else than a regular file.
    #[error("it is {0} and no regular file")]
    Special(&'static str),
    /// It has more bytes than the reader takes.
    #[error("it is larger than {0} bytes")]
    Large(u64),
}

impl Refusal {
    /// The refusal in an error of this crate, if it is one: trying again would change nothing.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    pub(crate) fn special(kind: FileType) -> Self {
        Self::Special(match kind {
            kind if kind.is_dir() => "a directory",
            kind if kind.is_fifo() => "a FIFO",
            kind if kind.is_socket() => "a socket",
            kind if kind.is_char_device() || kind.is_block_device() => "a device",
            _ => "something else",
        })
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Special("a directory") => io::ErrorKind::IsADirectory,
            Refusal::Special(_) => io::ErrorKind::InvalidInput,
            Refusal::Large(_) => io::ErrorKind::FileTooLarge,
        };
        Self::new(kind, refusal)
    }
}
