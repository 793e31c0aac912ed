//! Event ids: the type of an event, in reverse-DNS form.

use std::{fmt, str::FromStr, sync::Arc};

/// An event's type, such as `_lk.archive.package-upload-accepted`.
///
/// At least three labels of `[A-Za-z0-9_-]+` joined by dots, 128 bytes at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Arc<str>);

/// The text is no event id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event id is three or more labels of letters, digits, `_` and `-` joined by dots, 128 bytes at most"
)]
pub struct InvalidEventId;

impl EventId {
    const MAX_BYTES: usize = 128;

    /// Checks the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidEventId> {
        if text.len() > Self::MAX_BYTES
            || !text.split('.').all(is_label)
            || text.split('.').count() < 3
        {
            return Err(InvalidEventId);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What this id is counted under: the empty prefix, each dotted prefix and the whole id.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        let dotted = self.0.match_indices('.').map(|(at, _)| &self.0[..=at]);
        std::iter::once("").chain(dotted).chain(std::iter::once(&*self.0))
    }
}

/// Whether `label` may stand between the dots of an event id.
pub(crate) fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_need_three_clean_labels() {
        for text in ["_lk.core.ping", "org.example.builder.job-done", "a.b.c"] {
            assert!(EventId::parse(text).is_ok(), "{text}");
        }
        for text in ["", "a", "a.b", "a.b.", ".a.b.c", "a..b.c", "a.b.c d", "a.b.ç", "a.b.c\n"] {
            assert_eq!(EventId::parse(text), Err(InvalidEventId), "{text:?}");
        }
        assert!(EventId::parse(&format!("a.b.{}", "c".repeat(124))).is_ok());
        assert!(EventId::parse(&format!("a.b.{}", "c".repeat(125))).is_err());
    }

    #[test]
    fn an_id_counts_under_each_dotted_prefix() {
        let id = EventId::parse("_lk.archive.package").unwrap();
        let prefixes: Vec<&str> = id.prefixes().collect();
        assert_eq!(prefixes, ["", "_lk.", "_lk.archive.", "_lk.archive.package"]);
    }
}
