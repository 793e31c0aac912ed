//! An archive in a directory: a `file:` address.

use std::{io, path::PathBuf};

use super::{Fetch, FetchError, Fetched, Validators};

/// A directory is no file of an archive. What else is none is somebody's mistake, and told.
const NOT_THERE: [io::ErrorKind; 2] = [io::ErrorKind::NotFound, io::ErrorKind::IsADirectory];

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
        match laniakea_files::open(&path) {
            Ok(file) => Ok(Fetched::File(Box::new(file), Validators::default())),
            Err(error) if NOT_THERE.contains(&error.kind()) => Err(FetchError::NotFound { url }),
            Err(source) => Err(FetchError::Unreachable { url, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_file_is_told_and_holds_nobody_up() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        mknodat(CWD, path("InRelease"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        fs::create_dir(path("Release")).unwrap();
        let directory = Directory::new(place.path().to_owned());
        let get = |name: &str| directory.get(name, &Validators::default()).map(drop).unwrap_err();
        let FetchError::Unreachable { source, .. } = get("InRelease") else { panic!("reachable") };
        assert_eq!(source.to_string(), "it is a FIFO and no regular file");
        for name in ["Release", "Release.gpg"] {
            assert!(matches!(get(name), FetchError::NotFound { .. }), "{name}");
        }
    }
}
