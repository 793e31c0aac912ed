//! One rule.

use laniakea_filter::{Glob, Rule};
use toml::{Table, Value};

use super::{
    ImportError, difference, glob,
    old::{OldRule, Wanted},
    shown,
};

/// What Mirk calls an event's type.
pub(super) const TAG: &str = "tag";
/// A rule of ours has at most so many patterns for one thing.
const MAX_PATTERNS: usize = 100;

/// A key, and the patterns of ours that its value may match.
pub(super) type Part<'k> = (&'k str, Vec<Value>);

/// The rule in our words; none where it asks for what nothing can be.
pub(super) fn translate(
    place: &str,
    OldRule(keys): &OldRule,
    notes: &mut Vec<String>,
) -> Result<Option<Rule>, ImportError> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (key, wanted) in keys {
        parts.push((key, patterns(place, key, wanted, notes)?));
    }
    if parts.is_empty() || parts.iter().any(|(_, patterns)| patterns.is_empty()) {
        notes.push(format!("{place} was left out: no event can be what it asks for"));
        return Ok(None);
    }
    difference::note(place, &parts, notes);
    to_rule(place, parts).map(Some)
}

/// Whether events of this type may match, whatever their data is.
pub(super) fn may_match(OldRule(keys): &OldRule, id: &str) -> bool {
    let tag = keys.iter().find(|(key, _)| key == TAG);
    tag.is_none_or(|(_, wanted)| {
        wanted.iter().any(|wanted| match wanted {
            Wanted::Text(pattern) => {
                glob::translate(pattern).is_some_and(|translated| matches(&translated.glob, id))
            }
            Wanted::Other(_) => false,
        })
    })
}

/// Whether a pattern of ours stands for a text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    pattern.parse::<Glob>().is_ok_and(|glob| glob.matches(text))
}

fn patterns(
    place: &str,
    key: &str,
    wanted: &[Wanted],
    notes: &mut Vec<String>,
) -> Result<Vec<Value>, ImportError> {
    let refuse =
        |problem: &str| ImportError::new(format!("{place}, key \"{}\"", shown(key)), problem);
    if wanted.len() > MAX_PATTERNS {
        return Err(refuse("there are more than 100 patterns: divide the rule into several"));
    }
    let mut patterns = Vec::new();
    for wanted in wanted {
        match wanted {
            Wanted::Other(_) if key == TAG => {
                return Err(refuse("an event type is a text: write it in quotes"));
            }
            Wanted::Other(value) => patterns.push(value.clone()),
            Wanted::Text(pattern) => patterns.extend(translate_text(place, key, pattern, notes)),
        }
    }
    Ok(patterns)
}

fn translate_text(place: &str, key: &str, pattern: &str, notes: &mut Vec<String>) -> Option<Value> {
    let Some(translated) = glob::translate(pattern) else {
        notes.push(format!("{place}: \"{}\" matches no text and was left out", shown(pattern)));
        return None;
    };
    let (old, new) = (shown(pattern), shown(&translated.glob));
    if translated.is_wider {
        notes.push(format!(
            "{place}: \"{old}\" cannot be written here and became \"{new}\", which matches more"
        ));
    } else if translated.counts_bytes && key != TAG {
        // Types are ASCII; anything else may have other letters.
        notes.push(format!(
            "{place}: in \"{new}\" what stood for one character stands for one byte, and a letter \
             beyond ASCII has several"
        ));
    }
    Some(Value::from(translated.glob))
}

fn to_rule(place: &str, parts: Vec<Part<'_>>) -> Result<Rule, ImportError> {
    let mut rule = Table::new();
    let mut data = Table::new();
    for (key, patterns) in parts {
        if key == TAG {
            rule.insert("id".to_owned(), Value::from(patterns));
        } else {
            data.insert(key.to_owned(), Value::from(patterns));
        }
    }
    if !data.is_empty() {
        rule.insert("data".to_owned(), Value::from(data));
    }
    let rule: Result<Rule, toml::de::Error> = Value::Table(rule).try_into();
    rule.map_err(|error| ImportError::new(place, shown(error.message())))
}
