//! Where the demo keeps what it makes.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

/// The demo's directory:
///
/// - `relay/` and `lookout/`: configuration, keys and data of the two daemons,
/// - `keys/`: the public keys of both, for consumers,
/// - `lighthouse.log` and `lookout.log`.
pub(super) struct DemoDirectory {
    /// As the user wrote it.
    shown: PathBuf,
    root: PathBuf,
    /// Held for as long as the demo runs.
    _lock: File,
}

impl DemoDirectory {
    /// Makes the directory if need be.
    ///
    /// # Errors
    ///
    /// It cannot be made, or another demo runs in it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("could not make {}", path.display()))?;
        let root = path.canonicalize();
        let root = root.with_context(|| format!("could not find {}", path.display()))?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        let lock = laniakea_files::open_with(options, &root.join(".lock"))
            .with_context(|| format!("could not write to {}", path.display()))?;
        if lock.try_lock().is_err() {
            bail!("another demo runs in {}", path.display());
        }
        Ok(Self { shown: path.to_owned(), root, _lock: lock })
    }

    /// A file or directory in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The same, as short as the user would write it.
    pub(super) fn shown(&self, name: &str) -> String {
        self.shown.join(name).display().to_string()
    }

    /// The public keys that consumers trust.
    pub(super) fn keys(&self) -> PathBuf {
        self.path("keys")
    }

    /// The configuration of a daemon.
    pub(super) fn config(&self, daemon: &str) -> PathBuf {
        self.path(if daemon == "lighthouse" { "relay" } else { daemon })
            .join(format!("{daemon}.toml"))
    }
}
