//! Event ids, prefixes, rights to emit, positions in journals: short texts with a grammar.

use laniakea_event::{EmitRule, EventId, Prefix};
use laniakea_wire::subscription::Position;

use crate::input::two_texts;

/// An id, and a text to match it with.
pub fn event_id(bytes: &[u8]) {
    let Some((id, other)) = two_texts(bytes) else {
        return;
    };
    let parsed = EventId::parse(id);
    assert_eq!(parsed.is_ok(), is_id(id), "{id:?}");
    let prefix = Prefix::parse(other);
    let is_dotted = other.strip_suffix('.').is_some_and(is_labels);
    assert_eq!(
        prefix.is_ok(),
        other.is_empty() || is_id(other) || (is_dotted && other.len() <= 128),
        "{other:?}"
    );
    let rule = EmitRule::parse(other);
    assert_eq!(rule.is_ok(), is_id(other) || is_dotted, "{other:?}");
    if let Err(error) = &prefix {
        assert!(error.to_string().len() < 3_000, "an unbounded message");
    }
    let Ok(id) = parsed else {
        return;
    };
    let is_below = |text: &str| {
        text.is_empty()
            || id.as_str() == text
            || text.ends_with('.') && id.as_str().starts_with(text)
    };
    if let Ok(prefix) = prefix {
        assert_eq!(prefix.matches(&id), is_below(other));
        assert_eq!(id.prefixes().any(|own| own == other), is_below(other));
    }
    if let Ok(rule) = rule {
        assert_eq!(rule.allows(&id), is_below(other));
    }
    for own in id.prefixes() {
        assert!(Prefix::parse(own).is_ok_and(|own| own.matches(&id)), "{own:?}");
    }
}

/// A position, which is written as it was read but for the spelling of the journal.
pub fn position(bytes: &[u8]) {
    let Some(position) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()) else {
        return;
    };
    let position: Position = position;
    assert_eq!(position.to_string().parse(), Ok(position));
}

fn is_id(text: &str) -> bool {
    text.len() <= 128 && is_labels(text) && text.matches('.').count() >= 2
}

fn is_labels(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}
