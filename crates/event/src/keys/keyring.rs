//! The ring of trusted keys, and the directory that it is loaded from.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
};

use super::{KeyFile, KeyFileError, KeyId, SignerId, VerifyingKey};

/// The keys that are trusted, by signer and key id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring(BTreeMap<SignerId, BTreeMap<KeyId, VerifyingKey>>);

/// The ring has another key of that signer and key id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{signer} already has another key with the id {key_id}")]
pub struct DuplicateKey {
    signer: SignerId,
    key_id: KeyId,
}

impl Keyring {
    /// Trusts a key; the same key a second time changes nothing.
    pub fn insert(
        &mut self,
        signer: SignerId,
        key_id: KeyId,
        key: VerifyingKey,
    ) -> Result<(), DuplicateKey> {
        let keys = self.0.entry(signer.clone()).or_default();
        if keys.get(&key_id).is_some_and(|known| *known != key) {
            return Err(DuplicateKey { signer, key_id });
        }
        keys.insert(key_id, key);
        Ok(())
    }

    /// The signer as the ring spells it, and its keys.
    pub(crate) fn keys_of(
        &self,
        signer: &str,
    ) -> Option<(&SignerId, &BTreeMap<KeyId, VerifyingKey>)> {
        self.0.get_key_value(signer)
    }

    /// Every key, by signer and key id.
    pub fn iter(&self) -> impl Iterator<Item = (&SignerId, &KeyId, &VerifyingKey)> {
        self.0
            .iter()
            .flat_map(|(signer, keys)| keys.iter().map(move |(key_id, key)| (signer, key_id, key)))
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The trusted directory as it was read last.
#[derive(Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    files: BTreeMap<PathBuf, TrustedKey>,
    problems: Vec<KeyProblem>,
}

#[derive(Debug, Clone)]
struct TrustedKey {
    signer: SignerId,
    key_id: KeyId,
    key: VerifyingKey,
}

/// Something in the trusted directory needs somebody's attention.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyProblem {
    /// A file could not be used.
    Damaged {
        /// Why not.
        error: KeyFileError,
        /// What it last held stays trusted, since damage is no removal.
        keeps_last_good: bool,
    },
    /// Several files claim one signer and key id; none of them is trusted.
    Ambiguous {
        /// The signer.
        signer: SignerId,
        /// The key id.
        key_id: KeyId,
        /// The files.
        paths: Vec<PathBuf>,
    },
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { error, keeps_last_good } => {
                write!(formatter, "{error}")?;
                let mut cause = std::error::Error::source(error);
                while let Some(source) = cause {
                    write!(formatter, ": {source}")?;
                    cause = source.source();
                }
                formatter.write_str(if *keeps_last_good {
                    "; its last good key stays trusted"
                } else {
                    ""
                })
            }
            Self::Ambiguous { signer, key_id, paths } => {
                let paths: Vec<String> =
                    paths.iter().map(|path| path.display().to_string()).collect();
                let paths = paths.join(" and ");
                write!(formatter, "key {key_id} of {signer} stands in {paths}; neither is trusted")
            }
        }
    }
}

impl KeyDirectory {
    /// Reads every file of the directory; hidden files and directories are passed over.
    ///
    /// # Errors
    ///
    /// Only where the directory itself cannot be read; files that cannot are [`Self::problems`].
    pub fn load(path: &Path) -> io::Result<Self> {
        Self::read(path, &BTreeMap::new())
    }

    /// Reads the directory again. A file that is gone is no longer trusted; one that became
    /// unreadable or damaged keeps its last good key.
    pub fn reload(&self) -> io::Result<Self> {
        Self::read(&self.path, &self.files)
    }

    fn read(path: &Path, last_good: &BTreeMap<PathBuf, TrustedKey>) -> io::Result<Self> {
        let mut directory =
            Self { path: path.to_owned(), files: BTreeMap::new(), problems: Vec::new() };
        let mut paths = BTreeSet::new();
        for entry in std::fs::read_dir(path)? {
            let path = entry?.path();
            let is_hidden =
                path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
            if !is_hidden && !path.is_dir() {
                paths.insert(path);
            }
        }
        for path in paths {
            match KeyFile::load(&path) {
                Ok(KeyFile { signer, key_id, verify_key: key, .. }) => {
                    directory.files.insert(path, TrustedKey { signer, key_id, key });
                }
                Err(error) => {
                    let last = last_good.get(&path);
                    directory
                        .problems
                        .push(KeyProblem::Damaged { error, keeps_last_good: last.is_some() });
                    directory.files.extend(last.map(|key| (path, key.clone())));
                }
            }
        }
        directory.find_ambiguous();
        Ok(directory)
    }

    fn find_ambiguous(&mut self) {
        let mut claims: BTreeMap<(SignerId, KeyId), Vec<PathBuf>> = BTreeMap::new();
        for (path, TrustedKey { signer, key_id, .. }) in &self.files {
            claims.entry((signer.clone(), key_id.clone())).or_default().push(path.clone());
        }
        for ((signer, key_id), paths) in claims {
            if paths.len() > 1 {
                for path in &paths {
                    self.files.remove(path);
                }
                self.problems.push(KeyProblem::Ambiguous { signer, key_id, paths });
            }
        }
    }

    /// The keys to trust.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        for TrustedKey { signer, key_id, key } in self.files.values() {
            keyring.0.entry(signer.clone()).or_default().insert(key_id.clone(), key.clone());
        }
        keyring
    }

    /// What needs somebody's attention.
    pub fn problems(&self) -> &[KeyProblem] {
        &self.problems
    }
}

#[cfg(test)]
mod tests;
