//! A clock that can be set while the relay runs: libfaketime, told by a file.

use std::{fs, path::PathBuf, process::Command};

use laniakea_e2e::Relay;
use tempfile::TempDir;

/// The library for programs with threads.
const LIBRARY: &str = "libfaketimeMT.so.1";

/// A relay's clock, by how far it is off.
pub(super) struct FakeClock {
    directory: TempDir,
}

impl FakeClock {
    pub(super) fn new() -> Self {
        let clock = Self { directory: tempfile::tempdir().unwrap() };
        clock.set(0);
        clock
    }

    /// Gives the relay this clock. Its monotonic clock stays as it is, as a real one does.
    pub(super) fn wind(&self, relay: Relay) -> Relay {
        relay
            .environment("LD_PRELOAD", library().to_str().unwrap())
            .environment("FAKETIME_TIMESTAMP_FILE", self.file().to_str().unwrap())
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .environment("FAKETIME_DONT_RESET", "1")
    }

    /// Sets the clock this many seconds off the true time.
    pub(super) fn set(&self, seconds: i64) {
        let new = self.directory.path().join("new");
        fs::write(&new, format!("{seconds:+}\n")).unwrap();
        fs::rename(new, self.file()).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }
}

/// Where the library is, as Debian's package manager says.
fn library() -> PathBuf {
    let listing = Command::new("dpkg").args(["--listfiles", "libfaketime"]).output();
    let listing = listing.map(|output| output.stdout).unwrap_or_default();
    let listing = String::from_utf8_lossy(&listing);
    let path = listing.lines().find(|line| line.ends_with(LIBRARY)).map(PathBuf::from);
    path.filter(|path| path.is_file())
        .unwrap_or_else(|| panic!("{LIBRARY} is not installed: run scripts/setup test"))
}
