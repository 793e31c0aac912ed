//! The `[trust]` section, which the relay and every consumer share.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use laniakea_event::{
    EmitRule, InvalidEmitRule, SignerId, Trust,
    keys::{InvalidName, KeyDirectory, Keyring},
};
use serde::Deserialize;

/// Whom to trust, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// The directory of trusted public keys; every file in it counts.
    pub keys_dir: PathBuf,
    /// Trusted signers that are relays, and so never sources.
    #[serde(default)]
    pub relays: Vec<String>,
    /// What each signer may emit: whole ids, or prefixes that end in a dot.
    #[serde(default)]
    pub emit: BTreeMap<String, Vec<String>>,
}

/// The `[trust]` section cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A signer's name cannot be one.
    #[error("a signer in [trust] has no usable name")]
    Name(#[from] InvalidName),
    /// A right that would allow something else than it says.
    #[error("[trust.emit] of {signer:?} is wrong")]
    Rule {
        /// Whose right.
        signer: String,
        /// What is wrong.
        source: InvalidEmitRule,
    },
    /// A relay never emits.
    #[error("{0} is listed as a relay and has rights in [trust.emit]; a relay is never a source")]
    RelayEmits(SignerId),
    /// The directory could not be read.
    #[error("could not read the key directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Files in the directory could not be used.
    #[error("the key directory {} has unusable files: {problems}", path.display())]
    Problems {
        /// The directory.
        path: PathBuf,
        /// Each file's problem.
        problems: String,
    },
    /// Nobody is trusted.
    #[error("the key directory {} holds no keys, so no event could ever be accepted", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
}

impl TrustConfig {
    /// The table with these keys.
    pub fn table(&self, keyring: Keyring) -> Result<Trust, TrustError> {
        let relays = self.relays.iter().map(|relay| SignerId::parse(relay));
        let relays = relays.collect::<Result<BTreeSet<_>, _>>()?;
        let mut emit = BTreeMap::new();
        for (signer, rules) in &self.emit {
            let rules =
                rules.iter().map(|rule| EmitRule::parse(rule)).collect::<Result<Vec<_>, _>>();
            let rules =
                rules.map_err(|source| TrustError::Rule { signer: signer.clone(), source })?;
            let signer = SignerId::parse(signer)?;
            if relays.contains(&signer) {
                return Err(TrustError::RelayEmits(signer));
            }
            emit.insert(signer, rules);
        }
        Ok(Trust::new(keyring, relays, emit))
    }
}

/// Reads the key directory at a start: any file that cannot be used is an error.
pub fn load_directory(path: &Path) -> Result<KeyDirectory, TrustError> {
    let path = path.to_owned();
    let directory = KeyDirectory::load(&path)
        .map_err(|source| TrustError::Directory { path: path.clone(), source })?;
    if !directory.problems().is_empty() {
        let problems: Vec<String> = directory.problems().iter().map(ToString::to_string).collect();
        return Err(TrustError::Problems { path, problems: problems.join("; ") });
    }
    if directory.keyring().is_empty() {
        return Err(TrustError::Empty { path });
    }
    Ok(directory)
}
