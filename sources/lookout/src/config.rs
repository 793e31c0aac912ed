//! The configuration file, one section a file.

mod archive;
mod identity;

use std::{collections::BTreeSet, path::PathBuf};

use laniakea_event::Dialect;
use laniakea_wire::config::SubmitConfig;
use serde::Deserialize;

pub use self::{
    archive::{Archive, Baseline, ProxySetting},
    identity::Identity,
};

/// `lookout.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the state and the outbox are kept.
    pub data_dir: PathBuf,
    /// Which member names the events are written with: `seed` (default), `laniakea` or `both`.
    #[serde(default)]
    pub dialect: Dialect,
    /// Who signs.
    pub identity: Identity,
    /// Where the events go.
    pub submit: SubmitConfig,
    /// What is watched.
    #[serde(rename = "archive")]
    pub archives: Vec<Archive>,
}

/// A configuration that is well-formed and makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct InvalidConfig {
    place: String,
    problem: String,
}

impl InvalidConfig {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// A suite of an archive, as logs, events and baselines name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuiteName {
    /// The archive's name in the configuration.
    pub archive: String,
    /// The suite.
    pub suite: String,
}

impl std::fmt::Display for SuiteName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.archive, self.suite)
    }
}

impl Config {
    /// Checks what the format of the file cannot express.
    ///
    /// # Errors
    ///
    /// The first thing that makes no sense.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        if self.archives.is_empty() {
            return Err(InvalidConfig::new("archive", "there is no archive to watch"));
        }
        let mut names = BTreeSet::new();
        for archive in &self.archives {
            archive.validate()?;
            if !names.insert(&archive.name) {
                return Err(archive.invalid("name", "two archives have this name"));
            }
        }
        self.in_order().map(|_| ())
    }

    /// All suites, those first that others are compared with.
    ///
    /// # Errors
    ///
    /// If a baseline is not watched, or suites are each other's baseline.
    pub fn in_order(&self) -> Result<Vec<(&Archive, &str)>, InvalidConfig> {
        let mut waiting: Vec<(&Archive, &str)> = Vec::new();
        for archive in &self.archives {
            waiting.extend(archive.suites.iter().map(|suite| (archive, suite.as_str())));
        }
        let all: BTreeSet<_> =
            waiting.iter().map(|(archive, suite)| archive.suite(suite)).collect();
        let mut done: BTreeSet<SuiteName> = BTreeSet::new();
        let mut ordered = Vec::new();
        while !waiting.is_empty() {
            let before = ordered.len();
            let mut blocked = Vec::new();
            for (archive, suite) in waiting {
                match archive.baseline_of(suite) {
                    Some(baseline) if !all.contains(&baseline) => {
                        let problem = format!("{baseline} is not watched");
                        return Err(archive.invalid("baseline", &problem));
                    }
                    Some(baseline) if !done.contains(&baseline) => blocked.push((archive, suite)),
                    _ => {
                        done.insert(archive.suite(suite));
                        ordered.push((archive, suite));
                    }
                }
            }
            if let Some((archive, _)) = blocked.first().filter(|_| ordered.len() == before) {
                return Err(archive.invalid("baseline", "suites cannot be each other's baseline"));
            }
            waiting = blocked;
        }
        Ok(ordered)
    }
}

#[cfg(test)]
mod tests;
