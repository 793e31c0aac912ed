//! A run's events as a file, for whoever cannot be given them on stdin.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::schedule::RunId;

/// `<data_dir>/runs/RUN.json`; removed when dropped.
#[derive(Debug)]
pub struct BatchFile(PathBuf);

const DIRECTORY: &str = "runs";

impl BatchFile {
    /// Writes the values of a run, for keeper's user and group to read.
    ///
    /// # Errors
    ///
    /// The directory or the file cannot be written.
    pub fn put(data_dir: &Path, run: RunId, values: &Json) -> io::Result<Self> {
        let directory = data_dir.join(DIRECTORY);
        DirBuilder::new().recursive(true).mode(0o750).create(&directory)?;
        // Whatever the umask is: who may read the file has to get at it.
        fs::set_permissions(&directory, Permissions::from_mode(0o750))?;
        let this = Self(directory.join(format!("{run}.json")));
        let half = directory.join(format!("{run}.json.new"));
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = laniakea_files::open_with(options, &half)?;
        file.set_permissions(Permissions::from_mode(0o640))?;
        let mut text = serde_json::to_vec(values)?;
        text.push(b'\n');
        file.write_all(&text)?;
        // Whoever sees it sees all of it.
        fs::rename(&half, &this.0)?;
        Ok(this)
    }

    /// Removes what a keeper that was killed left behind. Units have opened theirs long since.
    ///
    /// # Errors
    ///
    /// The directory is there and cannot be read, or a file cannot be removed.
    pub fn remove_all(data_dir: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(data_dir.join(DIRECTORY)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for BatchFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(file = %self.0.display(), %error, "a run's file was not removed");
        }
    }
}

#[cfg(test)]
mod tests {

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_runs_events_are_there_for_its_group_while_it_lasts() {
        let directory = TempDir::new().unwrap();
        let runs = directory.path().join("runs");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        // As with the unit's umask.
        fs::create_dir(&runs).unwrap();
        fs::set_permissions(&runs, Permissions::from_mode(0o700)).unwrap();
        let file = BatchFile::put(directory.path(), 7, &json!({"run": 7})).unwrap();
        assert_eq!(mode(&runs), 0o750);
        let path = directory.path().join("runs/7.json");
        assert_eq!(file.path(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"run\":7}\n");
        assert_eq!(mode(&path), 0o640);
        // Another attempt writes it anew.
        let again = BatchFile::put(directory.path(), 7, &json!({})).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        drop(again);
        assert!(!path.exists());
        drop(file);
        std::mem::forget(BatchFile::put(directory.path(), 8, &json!({})).unwrap());
        BatchFile::remove_all(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path().join("runs")).unwrap().count(), 0);
        BatchFile::remove_all(&directory.path().join("absent")).unwrap();
    }
}
