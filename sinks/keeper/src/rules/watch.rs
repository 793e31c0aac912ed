//! Notices that somebody changed the rules.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::load::find;

/// The directory of rules, as it was when it was last looked at.
#[derive(Debug)]
pub struct WatchedRules {
    directory: PathBuf,
    seen: Seen,
    /// That was another state than the one before it, and may not be the last.
    is_new: bool,
}

/// Each file with its inode, its size, and when its text and its state changed. Nobody can set the
/// last one, so a file that is put in place of another of the same size and age is noticed too.
type Seen = BTreeMap<PathBuf, Option<(u64, u64, (i64, i64), (i64, i64))>>;

impl WatchedRules {
    /// Looks for the first time; before the rules are read, so that nothing is missed.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), seen: look(directory), is_new: false }
    }

    /// Whether anything changed and has stayed the same since the last look: a file that is being
    /// written would look as if its rules were gone.
    pub fn have_changed(&mut self) -> bool {
        let now = look(&self.directory);
        if now != self.seen {
            (self.seen, self.is_new) = (now, true);
            return false;
        }
        std::mem::take(&mut self.is_new)
    }

    /// Looks because the rules are about to be read anyway.
    pub fn note(&mut self) {
        (self.seen, self.is_new) = (look(&self.directory), false);
    }
}

fn look(directory: &Path) -> Seen {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    find(directory, &mut files, &mut problems);
    let state = |path: &Path| {
        let file = fs::metadata(path).ok()?;
        let (changed, touched) =
            ((file.mtime(), file.mtime_nsec()), (file.ctime(), file.ctime_nsec()));
        Some((file.ino(), file.size(), changed, touched))
    };
    let files = files.into_iter().map(|path| (state(&path), path));
    // A directory that cannot be read is a change as well.
    let unreadable = problems.into_iter().map(|problem| (None, problem.file));
    files.chain(unreadable).map(|(state, path)| (path, state)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_being_written_is_not_read_yet() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.toml");
        fs::write(&path, "[[rule]]").unwrap();
        let mut watched = WatchedRules::new(directory.path());
        for text in ["", "[[rul", "[[rule]]"] {
            fs::write(&path, text).unwrap();
            assert!(!watched.have_changed(), "{text:?}");
        }
        assert!(watched.have_changed());
        fs::write(&path, "").unwrap();
        watched.note();
        assert!(!watched.have_changed());
    }

    #[test]
    fn every_change_is_noticed_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::create_dir(path("more")).unwrap();
        let mut watched = WatchedRules::new(directory.path());
        let mut changed = |what: &str| {
            assert!(!watched.have_changed(), "{what} before it has settled");
            let has = watched.have_changed();
            assert!(!watched.have_changed(), "{what} twice");
            has
        };
        assert!(!changed("nothing"));
        fs::write(path("a.toml"), "1").unwrap();
        assert!(changed("a new file"));
        fs::write(path("a.toml"), "12").unwrap();
        assert!(changed("another size"));
        fs::write(path("more/b.toml"), "").unwrap();
        assert!(changed("a file further down"));
        fs::write(path("c.toml.new"), "").unwrap();
        assert!(!changed("something else"));
        fs::rename(path("c.toml.new"), path("a.toml")).unwrap();
        assert!(changed("another file in its place"));
        fs::remove_file(path("a.toml")).unwrap();
        assert!(changed("a file less"));
        fs::remove_dir_all(directory.path()).unwrap();
        assert!(changed("no directory"));
    }
}
