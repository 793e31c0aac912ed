//! The files of one suite, from wherever they can be had: the archive, or APT's lists.

use std::io::{self, Read};

use tracing::debug;

use super::{
    fetch::{Fetch, FetchError, Fetched, Validators},
    index::{Index, IndexName},
    lists::Lists,
    release::OfferedIndex,
    signed::{NotClearSigned, Signed},
    unpack::{Expected, UnpackError, read_index},
};

/// Debian's largest is 150 kB.
pub(super) const MAX_RELEASE_BYTES: u64 = 4 << 20;

/// Where a suite's files come from.
pub struct SuiteFiles {
    /// The archive; absent for addresses that only APT understands.
    pub remote: Option<Box<dyn Fetch>>,
    /// What APT has downloaded, if it may be used.
    pub lists: Option<Lists>,
    /// No index is unpacked further than this.
    pub max_index_bytes: u64,
}

/// The answer to "what does the suite say now?".
#[derive(Debug)]
pub enum FoundRelease {
    /// What it said last time.
    NotModified,
    /// This, not verified yet.
    Signed(Signed, Validators),
}

/// A file that could not be had or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// The archive did not send it.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The connection broke, or the file is far too long.
    #[error("could not read {name}")]
    Read {
        /// The file.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Something else came, such as the page of a hotel's network.
    #[error("the InRelease file makes no sense")]
    NotClearSigned(#[from] NotClearSigned),
    /// The address is one for APT alone, and APT has not downloaded it.
    #[error("APT's lists hold no Release file of the suite")]
    NotInLists,
    /// An index that the `Release` lists cannot be used.
    #[error("could not use {name}")]
    Index {
        /// Its path.
        name: String,
        /// Why.
        source: UnpackError,
    },
}

impl SuiteFiles {
    /// Fetches the `Release` of the suite unless it is the one `known` belongs to.
    ///
    /// The archive is asked first, since APT's lists are as old as the last `apt-get update`; they
    /// serve where the archive cannot be reached.
    ///
    /// # Errors
    ///
    /// See [`FilesError`].
    pub fn release(&self, known: &Validators) -> Result<FoundRelease, FilesError> {
        let failure = match self.remote.as_deref().map(|remote| remote_release(remote, known)) {
            Some(Err(FilesError::Fetch(error))) => FilesError::Fetch(error),
            Some(outcome) => return outcome,
            None => FilesError::NotInLists,
        };
        match self.lists.as_ref().map(listed_release).transpose()?.flatten() {
            Some(signed) => {
                debug!(reason = %failure, "reading the Release file that APT has downloaded");
                Ok(FoundRelease::Signed(signed, Validators::default()))
            }
            None => Err(failure),
        }
    }

    /// Fetches and reads an index as the `Release` offers it.
    ///
    /// # Errors
    ///
    /// See [`FilesError`]. An archive that is being updated gives an error here and is good again
    /// a little later.
    pub fn index(
        &self,
        name: &IndexName,
        offered: &OfferedIndex,
        by_hash: bool,
    ) -> Result<Index, FilesError> {
        if let Some(index) = self.listed_index(name, offered) {
            return Ok(index);
        }
        let Some(remote) = self.remote.as_deref() else { return Err(FilesError::NotInLists) };
        let mut missing = None;
        for (compression, packed) in &offered.forms {
            let path = format!("{name}{}", compression.extension());
            let file = match open_index(remote, &path, by_hash.then(|| packed.hex())) {
                Err(error @ FetchError::NotFound { .. }) => {
                    missing = Some(error);
                    continue;
                }
                other => other?,
            };
            let expected = self.expected(Some(*packed), offered);
            return read_index(file, *compression, &name.kind, &expected)
                .map_err(|source| FilesError::Index { name: path, source });
        }
        let url = name.to_string();
        Err(missing.unwrap_or(FetchError::NotFound { url }).into())
    }

    /// The index from APT's lists, if it is the very one that the `Release` means.
    fn listed_index(&self, name: &IndexName, offered: &OfferedIndex) -> Option<Index> {
        for (compression, file) in self.lists.as_ref()?.index(name) {
            let form = offered.forms.iter().find(|(form, _)| *form == compression);
            // APT may have packed it anew: only the content need be the same.
            let packed = form.map(|(_, packed)| *packed).filter(|_| offered.plain.is_none());
            match read_index(file, compression, &name.kind, &self.expected(packed, offered)) {
                Ok(index) => return Some(index),
                Err(error) => debug!(index = %name, %error, "not using the index of APT's lists"),
            }
        }
        None
    }

    fn expected(
        &self,
        packed: Option<super::checksum::Checksum>,
        offered: &OfferedIndex,
    ) -> Expected {
        Expected { packed, plain: offered.plain, max_bytes: self.max_index_bytes }
    }
}

/// `InRelease`, or `Release` with `Release.gpg` where there is none.
fn remote_release(remote: &dyn Fetch, known: &Validators) -> Result<FoundRelease, FilesError> {
    match remote.get("InRelease", known) {
        Ok(Fetched::NotModified) => Ok(FoundRelease::NotModified),
        Ok(Fetched::File(file, validators)) => {
            let signed = Signed::inline(&read_whole("InRelease", file)?)?;
            Ok(FoundRelease::Signed(signed, validators))
        }
        Err(FetchError::NotFound { .. }) => {
            let (message, validators) = match remote.get("Release", known)? {
                Fetched::NotModified => return Ok(FoundRelease::NotModified),
                Fetched::File(file, validators) => (read_whole("Release", file)?, validators),
            };
            // Without one it is an archive to be trusted as it is, or an error to come.
            let signature = match remote.get("Release.gpg", &Validators::default()) {
                Ok(Fetched::File(file, _)) => read_whole("Release.gpg", file)?,
                Ok(Fetched::NotModified) | Err(FetchError::NotFound { .. }) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            Ok(FoundRelease::Signed(Signed::detached(message, signature), validators))
        }
        Err(error) => Err(error.into()),
    }
}

fn listed_release(lists: &Lists) -> Result<Option<Signed>, FilesError> {
    let read =
        |name: &'static str| lists.read(name).map_err(|source| FilesError::Read { name, source });
    if let Some(file) = read("InRelease")? {
        return Ok(Some(Signed::inline(&file)?));
    }
    let Some(message) = read("Release")? else { return Ok(None) };
    let signature = read("Release.gpg")?.unwrap_or_default();
    Ok(Some(Signed::detached(message, signature)))
}

fn read_whole(name: &'static str, file: impl Read) -> Result<Vec<u8>, FilesError> {
    let failed = |source| FilesError::Read { name, source };
    laniakea_files::read_at_most(file, MAX_RELEASE_BYTES).map_err(failed)
}

/// Opens an index under its hash, which stays valid while the archive is being updated, or under
/// its name.
fn open_index(
    remote: &dyn Fetch,
    path: &str,
    hash: Option<String>,
) -> Result<Box<dyn Read + Send>, FetchError> {
    let open = |path: &str| match remote.get(path, &Validators::default())? {
        Fetched::File(file, _) => Ok(file),
        Fetched::NotModified => Err(FetchError::NotFound { url: path.to_owned() }),
    };
    if let (Some(hash), Some((directory, _))) = (hash, path.rsplit_once('/')) {
        match open(&format!("{directory}/by-hash/SHA256/{hash}")) {
            Err(FetchError::NotFound { .. }) => {}
            other => return other,
        }
    }
    open(path)
}
