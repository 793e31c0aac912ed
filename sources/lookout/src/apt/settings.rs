//! APT's configuration on this machine, as `apt-config` tells it.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    process::{Command, Stdio},
};

/// APT's settings. A machine without APT has none.
#[derive(Debug, Clone, Default)]
pub struct AptSettings {
    /// By key, in lower case: APT ignores the case of its keys.
    values: BTreeMap<String, String>,
}

impl AptSettings {
    /// Asks `apt-config`.
    ///
    /// # Errors
    ///
    /// If it is there and fails.
    pub fn of_this_machine() -> io::Result<Self> {
        let mut command = Command::new("apt-config");
        command.args(["dump", "--format", "%f=%v%n"]).stdin(Stdio::null());
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
            Ok(output) if !output.status.success() => {
                Err(io::Error::other(format!("apt-config failed: {}", output.status)))
            }
            Ok(output) => Ok(Self::parse(&String::from_utf8_lossy(&output.stdout))),
        }
    }

    /// Reads lines of `key=value`.
    pub(crate) fn parse(dump: &str) -> Self {
        let values = dump.lines().filter_map(|line| line.split_once('='));
        let values = values.map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()));
        Self { values: values.collect() }
    }

    /// The value of `key`, if it has one.
    pub fn value(&self, key: &str) -> Option<&str> {
        let value = self.values.get(&key.to_ascii_lowercase())?;
        (!value.is_empty()).then_some(value)
    }

    /// Whether `key` is switched off.
    pub fn is_off(&self, key: &str) -> bool {
        let off = ["0", "no", "false", "off", "without", "disable"];
        self.value(key).is_some_and(|value| off.iter().any(|off| value.eq_ignore_ascii_case(off)))
    }

    /// The file or directory that `key` names. A relative one is below the directory that the key
    /// above it names: `Dir::State::lists` below `Dir::State`, below `Dir`.
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        let mut path = PathBuf::from(self.value(key)?);
        let mut key = key;
        while path.is_relative() {
            key = key.rsplit_once("::")?.0;
            path = PathBuf::from(self.value(key)?).join(path);
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_directories_of_the_keys_above() {
        let settings = AptSettings::parse(
            "Dir=/\nDir::State=var/lib/apt\nDir::State::lists=lists/\nDir::Etc=/srv/apt\n\
             Dir::Etc::sourcelist=sources.list\nDir::Etc::sourceparts=/elsewhere\n",
        );
        let path = |key| settings.path(key).map(|path| path.display().to_string());
        assert_eq!(path("Dir::State::Lists").as_deref(), Some("/var/lib/apt/lists/"));
        assert_eq!(path("Dir::Etc::sourcelist").as_deref(), Some("/srv/apt/sources.list"));
        assert_eq!(path("Dir::Etc::sourceparts").as_deref(), Some("/elsewhere"));
        assert_eq!(path("Dir::Etc::trusted"), None);
        assert_eq!(AptSettings::default().path("Dir::Etc"), None);
    }

    #[test]
    fn a_switch_is_off_only_if_it_says_so() {
        let settings = AptSettings::parse("A=false\nB=true\nC=\nD=0\n");
        assert!(settings.is_off("a") && settings.is_off("D"));
        assert!(!settings.is_off("B") && !settings.is_off("C") && !settings.is_off("E"));
    }
}
