//! What a consumer may subscribe to.

use std::{fmt, str::FromStr};

use crate::{EventId, event_id::is_label};

/// Nothing (every event), a dotted prefix (`_lk.archive.`) or a whole id.
///
/// A whole id matches only itself, although ZeroMQ's byte prefix would also let longer ids in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix(String);

/// The text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a prefix that ends in `.` nor a whole event id")]
pub struct InvalidPrefix(String);

impl Prefix {
    /// Matches every event.
    pub fn everything() -> Self {
        Self(String::new())
    }

    /// Checks the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidPrefix> {
        let is_dotted = text.len() <= 128
            && text.strip_suffix('.').is_some_and(|labels| labels.split('.').all(is_label));
        if text.is_empty() || is_dotted || EventId::parse(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidPrefix(text.chars().take(140).collect()))
    }

    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether events of this id are meant.
    pub fn matches(&self, id: &EventId) -> bool {
        if self.0.is_empty() || self.0.ends_with('.') {
            id.as_str().starts_with(&self.0)
        } else {
            id.as_str() == self.0
        }
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_id_matches_only_itself() {
        let id = |text| EventId::parse(text).unwrap();
        let whole = Prefix::parse("a.b.c").unwrap();
        assert!(whole.matches(&id("a.b.c")));
        assert!(!whole.matches(&id("a.b.cd")));
        let dotted = Prefix::parse("a.b.").unwrap();
        assert!(dotted.matches(&id("a.b.cd")) && !dotted.matches(&id("a.bc.d")));
        assert!(Prefix::everything().matches(&id("a.b.c")));
    }

    #[test]
    fn what_would_match_by_accident_is_refused() {
        for text in ["a.b", "_lk", ".", "a..", "a b.", "*", "a.b.*"] {
            assert!(Prefix::parse(text).is_err(), "{text}");
        }
    }
}
