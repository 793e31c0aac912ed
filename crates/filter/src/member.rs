//! A member of an event's data, and whether it is what a rule wants.

use laniakea_event::Value;

use crate::{one_of::OneOf, pattern::Pattern};

/// How much text of one member is held against patterns, in bytes: an event may have a megabyte of
/// it, and rules may be many. What comes after matches nothing.
const MAX_BYTES: usize = 1 << 18;

/// The member of `data` that a path names: one of that very name, dots and all, or else the
/// member of a member.
pub(crate) fn find<'v>(data: &'v Value, path: &str) -> Option<&'v Value> {
    data.get(path).or_else(|| path.split('.').try_fold(data, Value::get))
}

/// The texts against which [`is_wanted`] holds text patterns, and perhaps more.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().unwrap_or(std::slice::from_ref(value));
    items.iter().filter_map(text).collect()
}

/// What a pattern for text looks at: strings, and numbers and booleans as they are written.
pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.as_str()),
        Value::Bool(truth) => Some(if *truth { "true" } else { "false" }),
        _ => None,
    }
}

/// Whether a value, or one item of a list, fits one of the patterns. Null, objects and lists in
/// lists fit none.
pub(crate) fn is_wanted(value: &Value, patterns: &OneOf<Pattern>) -> bool {
    let mut bytes = MAX_BYTES;
    let mut is_within = |item: &&Value| {
        let length = item.as_str().map_or(0, str::len);
        let left = bytes.checked_sub(length);
        bytes = left.unwrap_or(0);
        left.is_some()
    };
    let items = value.as_array().unwrap_or(std::slice::from_ref(value));
    let mut items = items.iter().take_while(|item| is_within(item));
    items.any(|item| patterns.any(|pattern| pattern.matches(item)))
}
