//! How much an event matters to the person who reads about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much an event matters; ordered, so that a filter can ask for "warning or worse".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something happened.
    Info,
    /// Something that people wait for went well.
    Success,
    /// Something needs a look, but not at once.
    Warning,
    /// Something failed, and somebody should act.
    Error,
}

impl Severity {
    /// The word for it in the catalogue, in JSON and on the screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
