//! Facets: one name for what the modules spell in six ways.
//!
//! Filters, search and notifications ask for the `package` of an event and need not know that it
//! is `pkgname` in one type and `source_package` in another.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of thing that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Facet {
    /// The package, by its source name where both are known.
    Package,
    /// The version that the event brings.
    Version,
    /// The suite or suites concerned.
    Suite,
    /// The repository.
    Repo,
    /// The architecture or architectures.
    Architecture,
    /// The build job.
    Job,
    /// The person who caused the event or answers for its subject.
    Person,
}

impl Facet {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Package,
        Self::Version,
        Self::Suite,
        Self::Repo,
        Self::Architecture,
        Self::Job,
        Self::Person,
    ];

    /// The word for it in the catalogue, in filters and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Version => "version",
            Self::Suite => "suite",
            Self::Repo => "repo",
            Self::Architecture => "architecture",
            Self::Job => "job",
            Self::Person => "person",
        }
    }
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The facets of one event. Values went through the same cleaning as the summary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facets(BTreeMap<Facet, Vec<String>>);

impl Facets {
    /// The values of `facet`; none if the event says nothing about it.
    pub fn all(&self, facet: Facet) -> &[String] {
        self.0.get(&facet).map_or(&[], Vec::as_slice)
    }

    /// The value of `facet`, or the first one if it has several.
    pub fn first(&self, facet: Facet) -> Option<&str> {
        self.all(facet).first().map(String::as_str)
    }

    /// The facets that the event has, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (Facet, &[String])> {
        self.0.iter().map(|(facet, values)| (*facet, values.as_slice()))
    }

    /// Keeps the values of `facet`, if there are any.
    pub(crate) fn insert(&mut self, facet: Facet, values: Vec<String>) {
        if !values.is_empty() {
            self.0.insert(facet, values);
        }
    }
}
