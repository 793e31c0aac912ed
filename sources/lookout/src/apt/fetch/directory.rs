//! An archive in a directory: a `file:` address.

use std::{fs::File, io, path::PathBuf};

use super::{Fetch, FetchError, Fetched, Validators};

/// A suite's directory on this machine.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The suite's directory is `path`.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Fetch for Directory {
    /// Reading a file again costs less than it takes to know that one need not.
    fn get(&self, path: &str, _known: &Validators) -> Result<Fetched, FetchError> {
        let path = self.0.join(path);
        let url = path.display().to_string();
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.is_file(), file)));
        match opened {
            Ok((true, file)) => Ok(Fetched::File(Box::new(file), Validators::default())),
            Ok((false, _)) => Err(FetchError::NotFound { url }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(FetchError::NotFound { url })
            }
            Err(source) => Err(FetchError::Unreachable { url, source }),
        }
    }
}
