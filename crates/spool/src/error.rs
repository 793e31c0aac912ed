//! What can go wrong with a directory of events.

use std::{
    io,
    path::{Path, PathBuf},
};

use laniakea_event::Rejection;

/// An event could not be kept, read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The operating system refused.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried, such as `read`.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is room for no further event.
    #[error(
        "{} is full: it holds {events} events of {bytes} bytes together, and may hold {max_events} \
         of {max_bytes}",
        path.display()
    )]
    Full {
        /// The directory.
        path: PathBuf,
        /// Events in it, those set aside included.
        events: usize,
        /// The size of their files.
        bytes: u64,
        /// How many events it may hold.
        max_events: usize,
        /// How many bytes it may hold.
        max_bytes: u64,
    },
    /// The bytes are no event that a relay would take.
    #[error("this is no event that can be kept")]
    NotAnEvent(#[from] Rejection),
    /// A file claims the last number that there is, so that nothing can come after it.
    #[error("no number is left in {}: a file in it claims the last one", path.display())]
    NoNumber {
        /// The directory.
        path: PathBuf,
    },
    /// The operating system gave no thread.
    #[error("could not start the thread that sends")]
    Thread(#[source] io::Error),
    /// The relay's endpoint cannot be used.
    #[error(transparent)]
    Wire(#[from] laniakea_wire::WireError),
}

impl SpoolError {
    /// For use with `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
