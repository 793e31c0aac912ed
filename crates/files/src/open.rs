//! Opens regular files, and nothing else.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::Refusal;

/// Opens a regular file for reading. Never waits for anybody.
///
/// # Errors
///
/// Those of opening, and a [`Refusal`] where there is no regular file.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// Opens a regular file, or makes one, as the options say. Never waits for anybody, and a terminal
/// that is opened does not become the process's own.
///
/// # Errors
///
/// Those of opening, and a [`Refusal`] where there is no regular file.
pub fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    #[expect(clippy::disallowed_methods, reason = "this is where files are opened")]
    let file = file.open(path).map_err(|error| explain(path, error))?;
    // The file that is open, not the name: that may lead elsewhere by now.
    let kind = file.metadata()?.file_type();
    if kind.is_file() { Ok(file) } else { Err(Refusal::special(kind).into()) }
}

/// Sockets, and FIFOs that nobody reads, cannot be opened at all, for a reason that nobody knows.
fn explain(path: &Path, error: io::Error) -> io::Error {
    let is_odd = [libc::ENXIO, libc::ENODEV].map(Some).contains(&error.raw_os_error());
    match fs::metadata(path) {
        Ok(metadata) if is_odd && !metadata.is_file() => {
            Refusal::special(metadata.file_type()).into()
        }
        _ => error,
    }
}

/// Waits until the names in a directory are on disk.
///
/// # Errors
///
/// It is no directory, or cannot be synced.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_DIRECTORY);
    #[expect(clippy::disallowed_methods, reason = "the system opens a directory here or nothing")]
    options.open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_synced_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        sync_directory(directory.path()).unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        assert!(sync_directory(&directory.path().join("file")).is_err());
    }
}
