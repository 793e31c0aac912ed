//! A relay's files, for the commands that write them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use laniakea_event::keys::KeyFile;

use crate::program::{Directory, Run, vector_keys};

pub(crate) const CONFIG: &str = "# Our relay.\n\
    data_dir = \"DIR/data\"\n\n\
    [identity]\nkey_file = \"DIR/lighthouse-01.key_secret\"\n\n\
    [trust]\nkeys_dir = \"DIR/trusted\" # all of them\n\
    relays = []\n\n\
    # Who may say what.\n\
    [trust.emit]\n\
    \"archive-01\" = [\"_lk.archive.\"]\n\n\
    [journal]\nretain = \"unlimited\"\n";

/// A relay that is not started: its configuration, its own key and whom it trusts.
pub(crate) struct Site {
    pub(crate) directory: Directory,
}

impl Site {
    pub(crate) fn new() -> Self {
        let directory = Directory::new();
        fs::create_dir(directory.path("trusted")).unwrap();
        directory.secret("lighthouse-01");
        directory.write("lighthouse.toml", &CONFIG.replace("DIR", directory.root()));
        Self { directory }
    }

    pub(crate) fn trust(&self, file: &str, more: &[&str]) -> Run {
        let config = self.directory.text("lighthouse.toml");
        self.directory.lk(&[&["key", "trust", file, "--config", &config], more].concat())
    }

    pub(crate) fn config(&self) -> String {
        self.directory.read("lighthouse.toml").replace(self.directory.root(), "DIR")
    }

    pub(crate) fn files(&self) -> BTreeMap<PathBuf, String> {
        let entries = fs::read_dir(self.directory.path("trusted")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
    }

    /// Runs it, and sees that nothing was changed.
    pub(crate) fn refuses(&self, file: &str, more: &[&str], reason: &str) {
        self.refuses_to(|| self.trust(file, more), reason);
    }

    /// Runs something, and sees that nothing was changed.
    pub(crate) fn refuses_to(&self, action: impl FnOnce() -> Run, reason: &str) {
        let before = (self.config(), self.files());
        let run = action();
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains(reason), "{reason}: {run}");
        assert_eq!((self.config(), self.files()), before, "{reason}");
    }

    /// Runs `lk key COMMAND` on this configuration.
    pub(crate) fn key(&self, command: &str, arguments: &[&str]) -> Run {
        let config = self.directory.text("lighthouse.toml");
        self.directory.lk(&[&["key", command, "--config", &config], arguments].concat())
    }

    /// Makes a key and returns its public file.
    pub(crate) fn new_key(&self, id: &str, key_id: &str) -> String {
        let place = format!("made/{id}-{key_id}");
        std::fs::create_dir_all(self.directory.path(&place)).unwrap();
        let dir = self.directory.text(&place);
        let run = self.directory.lk(&["key", "new", "--id", id, "--key-id", key_id, &dir]);
        assert_eq!(run.code, Some(0), "{run}");
        self.directory.text(&format!("{place}/{id}.key"))
    }

    /// What a trusted file holds.
    pub(crate) fn trusted(&self, name: &str) -> KeyFile {
        KeyFile::load(&self.directory.path("trusted").join(name)).unwrap()
    }
}

/// The public key file of a module of the vectors.
pub(crate) fn public(signer: &str) -> String {
    let name = match signer {
        "stranger-01" => format!("not_trusted/{signer}.pub.key"),
        _ => format!("trusted/{signer}.pub.key"),
    };
    vector_keys().join(name).to_str().unwrap().to_owned()
}
