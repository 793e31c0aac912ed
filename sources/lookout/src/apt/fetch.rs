//! Gets files out of an archive: over HTTP, or from a directory.

mod directory;
mod http;

use std::{
    fmt,
    io::{self, Read},
};

pub use self::{
    directory::Directory,
    http::{Http, HttpError},
};

/// A suite's directory, wherever it is.
pub trait Fetch: Send + Sync {
    /// Opens the file at `path`, below the suite's directory.
    ///
    /// `known` says what is known of the file already; if it has not changed since, the answer is
    /// [`Fetched::NotModified`]. An implementation that cannot tell sends the file.
    ///
    /// Blocks; the reader may fail at any point with what went wrong on the way.
    ///
    /// # Errors
    ///
    /// See [`FetchError`].
    fn get(&self, path: &str, known: &Validators) -> Result<Fetched, FetchError>;
}

/// The answer to a request for a file.
pub enum Fetched {
    /// It is the one that is known.
    NotModified,
    /// It is this.
    File(Box<dyn Read + Send>, Validators),
}

impl fmt::Debug for Fetched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotModified => formatter.write_str("NotModified"),
            Self::File(_, validators) => formatter.debug_tuple("File").field(validators).finish(),
        }
    }
}

/// What a server gave us to ask again with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// The complete address that they belong to.
    pub url: String,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// A file that could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The archive does not have it.
    #[error("{url} does not exist")]
    NotFound {
        /// Where it was looked for.
        url: String,
    },
    /// The archive is there and refuses.
    #[error("{url} was answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The archive could not be asked.
    #[error("could not fetch {url}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        source: io::Error,
    },
}
