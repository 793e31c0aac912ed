//! Event data for the configuration's own templates: visible, bounded, and otherwise as it came.

use std::collections::BTreeMap;

use laniakea_catalog::is_hidden;
use laniakea_event::Value;
use minijinja::Value as Shown;

/// The longest text of one value, in characters; more than a message has room for.
const MAX_TEXT: usize = 4_000;
/// How many items and members are shown.
const MAX_ITEMS: usize = 100;
/// How deep values are shown.
const MAX_DEPTH: usize = 6;

/// A text without characters that cannot be seen or change how others look, on one line and of at
/// most `max` characters.
pub fn visible(text: &str, max: usize) -> String {
    collapse(&revealed(text, max))
}

/// White space of any kind becomes one space.
pub(super) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The members of an event's data.
pub(super) fn members(data: &Value) -> BTreeMap<String, Shown> {
    let Value::Object(object) = data else { return BTreeMap::new() };
    let members = object.iter().take(MAX_ITEMS);
    members.map(|(name, value)| (revealed(name, MAX_TEXT), shown(value, MAX_DEPTH))).collect()
}

fn shown(value: &Value, depth: usize) -> Shown {
    match value {
        Value::Null => Shown::from(()),
        Value::Bool(value) => Shown::from(*value),
        Value::Number(_) => number(value),
        Value::String(text) => Shown::from(revealed(text, MAX_TEXT)),
        Value::Array(_) | Value::Object(_) if depth == 0 => Shown::from("…"),
        Value::Array(items) => {
            items.iter().take(MAX_ITEMS).map(|item| shown(item, depth - 1)).collect()
        }
        Value::Object(object) => {
            let members = object.iter().take(MAX_ITEMS);
            members
                .map(|(name, value)| (revealed(name, MAX_TEXT), shown(value, depth - 1)))
                .collect::<BTreeMap<_, _>>()
                .into()
        }
    }
}

/// Numbers beyond 64 bits are shown by their digits.
fn number(value: &Value) -> Shown {
    if let Some(integer) = value.as_i64() {
        return Shown::from(integer);
    }
    let digits = value.to_canonical();
    match digits.parse::<f64>() {
        Ok(float) if digits.contains(['.', 'e']) => Shown::from(float),
        _ => Shown::from(revealed(&digits, MAX_TEXT)),
    }
}

/// Line breaks of any kind become the usual one.
fn revealed(text: &str, max: usize) -> String {
    let mut out = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == max {
            out.push('…');
            break;
        }
        match character {
            '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push(' '),
            '\r' => {}
            hidden if is_hidden(hidden) => out.extend(hidden.escape_unicode()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out_and_long_text_is_cut() {
        assert_eq!(visible("a\u{202e}b\n\0", 99), r"a\u{202e}b \u{0}");
        assert_eq!(visible(&"x".repeat(1 << 20), 5), "xxxxx…");
    }
}
