//! What a rule meant there and does not mean here.
//!
//! There a key that an event lacks is passed over, and so is one whose value is no text; of a list
//! every text has to match. Here a member that is absent does not match, numbers and booleans are
//! compared, and of a list one item is enough. The catalogue says which of these can happen.

use laniakea_catalog::{Catalog, Entry, Field, Kind};
use toml::Value;

use super::{
    first_few,
    room::is_never_posted,
    rule::{Part, TAG, matches},
    shown,
};

/// Notes what differs for a rule.
pub(super) fn note(place: &str, parts: &[Part<'_>], notes: &mut Vec<String>) {
    let types = types(parts);
    for (key, patterns) in parts.iter().filter(|(key, _)| *key != TAG) {
        // With no other key there is nothing that could match.
        if parts.len() > 1 {
            notes.extend(about_absence(place, key, &types));
        }
        let shown_key = shown(key);
        let fields: Vec<&Field> = types.iter().filter_map(|entry| entry.field(key)).collect();
        if fields.iter().any(|field| matches!(field.kind(), Kind::List)) {
            notes.push(format!(
                "{place} wanted every item of {shown_key} to match; here one is enough"
            ));
        }
        if fields.iter().any(|field| matches!(field.kind(), Kind::Object(_))) {
            notes.push(format!(
                "{place} passed over {shown_key} where it is an object; here no pattern matches one"
            ));
        }
        let is_scalar = |field: &&Field| matches!(field.kind(), Kind::Bool | Kind::Int);
        let is_text = |pattern: &Value| pattern.is_str();
        if fields.iter().any(is_scalar) || !patterns.iter().all(is_text) {
            notes.push(about_scalars(place, &shown_key, parts.len() == 1));
        }
    }
}

/// The types that the rule asks for: by its tag, or else by having one of its keys.
fn types(parts: &[Part<'_>]) -> Vec<&'static Entry> {
    let tag = parts.iter().find(|(key, _)| *key == TAG);
    let is_meant = |entry: &&Entry| match tag {
        Some((_, patterns)) => {
            patterns.iter().filter_map(Value::as_str).any(|pattern| matches(pattern, entry.id()))
        }
        None => parts.iter().any(|(key, _)| entry.field(key).is_some()),
    };
    let entries = Catalog::builtin().entries();
    entries.filter(is_meant).filter(|entry| !is_never_posted(entry.id())).collect()
}

/// Nothing, if all the types always have the key.
fn about_absence(place: &str, key: &str, types: &[&Entry]) -> Option<String> {
    let may_lack = |entry: &&&Entry| {
        entry.field(key).is_none_or(|field| field.is_optional() || field.is_nullable())
    };
    let lacking: Vec<&str> = types.iter().filter(may_lack).map(|entry| entry.id()).collect();
    if lacking.is_empty() && !types.is_empty() {
        return None;
    }
    let some =
        if lacking.is_empty() { String::new() } else { format!(" ({})", first_few(lacking)) };
    let key = shown(key);
    Some(format!("{place} matched events without {key}{some}; here it does not"))
}

fn about_scalars(place: &str, key: &str, is_alone: bool) -> String {
    let there = if is_alone {
        format!("{place} never matched, since {key} is no text")
    } else {
        format!("{place} passed over {key}, which is no text")
    };
    format!("{there}; here numbers and booleans are compared")
}
