//! Configuration files: TOML, read whole, with errors that name file, line and key.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("could not read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no TOML, or has a key or value that is not known.
    #[error("the configuration {} is wrong", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
}

/// Far more than any configuration holds.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a configuration file at the start. It was named on the command line, so a pipe is read
/// too: `--config <(…)`.
///
/// # Errors
///
/// The file cannot be read, is no TOML, or holds unknown keys or values.
pub fn load_config<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    parse(path, laniakea_files::read_given_text(path, MAX_BYTES))
}

/// Reads a configuration file again, while other work goes on. A pipe was read out at the start and
/// nothing comes from it any more, so it is refused.
///
/// # Errors
///
/// As [`load_config`].
pub fn reload_config<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    parse(path, laniakea_files::read_text(path, MAX_BYTES))
}

fn parse<T: DeserializeOwned>(path: &Path, text: io::Result<String>) -> Result<T, ConfigError> {
    let text = text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn fifo(path: &Path) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    #[test]
    fn a_pipe_is_a_configuration_at_the_start_and_not_later() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        fifo(&path);
        let writer = std::thread::spawn({
            let path = path.clone();
            move || fs::write(path, "a = 1\n")
        });
        let table: toml::Table = load_config(&path).unwrap();
        assert_eq!(table["a"].as_integer(), Some(1));
        writer.join().unwrap().unwrap();
        let error = reload_config::<toml::Table>(&path).unwrap_err();
        let ConfigError::Read { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.to_string(), "it is a FIFO and no regular file");
    }

    #[test]
    fn a_configuration_has_an_end() {
        for load in [load_config::<toml::Table>, reload_config::<toml::Table>] {
            let error = load(Path::new("/dev/zero")).unwrap_err();
            assert!(matches!(error, ConfigError::Read { .. }), "{error}");
        }
    }
}
