//! The directory that the ring of trusted keys is loaded from.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{KeyFile, KeyFileError, KeyId, Keyring, SignerId, TrustedKey};

/// The trusted directory as it was read last.
#[derive(Debug)]
pub struct KeyDirectory {
    path: PathBuf,
    files: BTreeMap<PathBuf, TrustedFile>,
    problems: Vec<KeyProblem>,
}

/// What a file of the trusted directory holds.
#[derive(Debug, Clone)]
pub struct TrustedFile {
    /// Whose key it is.
    pub signer: SignerId,
    /// Which of the signer's keys it is.
    pub key_id: KeyId,
    /// The key, and when it counts.
    pub key: TrustedKey,
    /// The public key that encrypts connections, in Z85.
    pub curve: Option<String>,
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
    /// Files of several signers hold one CURVE key; none of these signers may connect with it.
    SharedCurveKey {
        /// The signers.
        signers: Vec<SignerId>,
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
                let paths = join(paths.iter().map(|path| path.display()));
                write!(formatter, "key {key_id} of {signer} stands in {paths}; neither is trusted")
            }
            Self::SharedCurveKey { signers, paths } => {
                let (signers, paths) =
                    (join(signers), join(paths.iter().map(|path| path.display())));
                write!(
                    formatter,
                    "{signers} have one CURVE key, in {paths}; neither may connect with it"
                )
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

    fn read(path: &Path, last_good: &BTreeMap<PathBuf, TrustedFile>) -> io::Result<Self> {
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
                Ok(KeyFile { signer, key_id, verify_key: key, validity, curve, .. }) => {
                    let key = TrustedKey { key, validity };
                    let curve = curve.map(|curve| curve.public);
                    directory.files.insert(path, TrustedFile { signer, key_id, key, curve });
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
        directory.find_shared_curve_keys();
        Ok(directory)
    }

    fn find_ambiguous(&mut self) {
        let mut claims: BTreeMap<(SignerId, KeyId), Vec<PathBuf>> = BTreeMap::new();
        for (path, TrustedFile { signer, key_id, .. }) in &self.files {
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

    fn find_shared_curve_keys(&mut self) {
        let mut found = Vec::new();
        for owners in self.by_curve_key().into_values() {
            let signers: BTreeSet<&SignerId> =
                owners.iter().map(|(_, entry)| &entry.signer).collect();
            if signers.len() > 1 {
                let signers = signers.into_iter().cloned().collect();
                let paths = owners.into_iter().map(|(path, _)| path.clone()).collect();
                found.push(KeyProblem::SharedCurveKey { signers, paths });
            }
        }
        self.problems.extend(found);
    }

    fn by_curve_key(&self) -> BTreeMap<String, Vec<(&PathBuf, &TrustedFile)>> {
        let mut owners: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (path, entry) in &self.files {
            if let Some(curve) = &entry.curve {
                owners.entry(curve.clone()).or_default().push((path, entry));
            }
        }
        owners
    }

    /// The files whose keys are trusted, and what they hold.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &TrustedFile)> {
        self.files.iter().map(|(path, file)| (path.as_path(), file))
    }

    /// The keys to trust.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        for TrustedFile { signer, key_id, key, .. } in self.files.values() {
            // No two of the files have one signer and key id.
            drop(keyring.insert_with(signer.clone(), key_id.clone(), key.clone()));
        }
        keyring
    }

    /// Who may connect at this time: the public CURVE key in Z85 of each file whose key is valid,
    /// and its signer. A CURVE key that files of several signers hold, valid or not, is nobody's.
    pub fn curve_keys(&self, now: Timestamp) -> BTreeMap<String, SignerId> {
        let of_one_signer = |(curve, owners): (String, Vec<(&PathBuf, &TrustedFile)>)| {
            let signer = owners.first().map(|(_, entry)| entry.signer.clone())?;
            let is_shared = owners.iter().any(|(_, entry)| entry.signer != signer);
            let is_valid = owners.iter().any(|(_, entry)| entry.key.validity.covers(now));
            (is_valid && !is_shared).then_some((curve, signer))
        };
        self.by_curve_key().into_iter().filter_map(of_one_signer).collect()
    }

    /// What needs somebody's attention.
    pub fn problems(&self) -> &[KeyProblem] {
        &self.problems
    }
}

fn join(names: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests;
