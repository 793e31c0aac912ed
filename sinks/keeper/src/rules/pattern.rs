//! What a rule waits for, as it is written: `absent = { … }`, and `then = [ … ]` with `within`.

use std::{fmt::Write as _, time::Duration};

use laniakea_daemon::Age;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::file::Wrong;
use crate::watch::{Pattern, Role, Shape};

/// `absent = { after = …, without = …, within = "…" }` or `absent = { of = …, within = "…" }`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbsentConfig {
    #[serde(default)]
    after: Option<Value>,
    #[serde(default)]
    without: Option<Value>,
    #[serde(default)]
    of: Option<Value>,
    within: Age,
}

/// A rule that does not run on each event.
#[derive(Debug, Clone)]
pub struct Waits {
    /// What for.
    pub pattern: Pattern,
    /// What events are to it. The first is that of the rule itself.
    parts: Vec<(Role, laniakea_filter::Rule)>,
    /// What is missed if nothing comes, as it is written; empty for a sequence.
    missing: String,
}

/// The longest sequence.
const LONGEST: usize = 8;

impl Waits {
    /// What an event is to the rule, that a filter does or does not match.
    pub fn roles(&self, mut matches: impl FnMut(&laniakea_filter::Rule) -> bool) -> Vec<Role> {
        let found = self.parts.iter().filter(|(_, filter)| matches(filter));
        found.map(|(role, _)| *role).collect()
    }

    /// What events have to match to be anything to the rule.
    pub(super) fn filters(&self) -> impl Iterator<Item = &laniakea_filter::Rule> {
        self.parts.iter().map(|(_, filter)| filter)
    }

    /// In words that are others when it waits for something else.
    pub fn describe(&self, key: Option<&str>, signed_by: Option<&[String]>) -> String {
        let Pattern { shape, within } = self.pattern;
        let mut text = format!("{shape:?} within {within:?} by {key:?} of {signed_by:?}");
        for (role, filter) in &self.parts {
            // Writing to a text does not fail.
            write!(text, "\n{role:?} {filter}").unwrap_or_default();
        }
        text
    }

    /// What is missed if it does not come, for people: ids, or the filter as it is written.
    pub fn missing(&self) -> &str {
        &self.missing
    }

    /// The filter with which it begins.
    pub(super) fn first(&self) -> laniakea_filter::Rule {
        self.parts.first().map(|(_, filter)| filter.clone()).unwrap_or_default()
    }

    pub(super) fn absent(config: &Spanned<AbsentConfig>, is_keyed: bool) -> Result<Self, Wrong> {
        let wrong = |what: &str| (config.span(), what.to_owned());
        let parse = |value: &Value| selector(value).map_err(|what| (config.span(), what));
        let AbsentConfig { after, without, of, within } = config.get_ref();
        let (shape, parts, missing) = match (after, without, of) {
            (Some(after), Some(without), None) => {
                let parts = vec![(Role::Part(0), parse(after)?), (Role::Answer, parse(without)?)];
                (Shape::Unanswered, parts, without)
            }
            (None, None, Some(of)) => {
                (Shape::Silence { is_keyed }, vec![(Role::Part(0), parse(of)?)], of)
            }
            _ => return Err(wrong("absent needs either after and without, or of")),
        };
        let within = limited(*within).ok_or_else(|| wrong(NO_TIME))?;
        let missing = in_words(missing);
        Ok(Self { pattern: Pattern { shape, within }, parts, missing })
    }

    pub(super) fn sequence(
        first: laniakea_filter::Rule,
        then: &Spanned<Vec<Value>>,
        within: Option<Age>,
    ) -> Result<Self, Wrong> {
        let wrong = |what: String| (then.span(), what);
        if then.get_ref().is_empty() || then.get_ref().len() >= LONGEST {
            return Err(wrong(format!("then has 1 to {} entries", LONGEST - 1)));
        }
        let within = within.and_then(limited).ok_or_else(|| wrong(NO_TIME.to_owned()))?;
        let mut parts = vec![(Role::Part(0), first)];
        for (part, value) in (1..).zip(then.get_ref()) {
            parts.push((Role::Part(part), selector(value).map_err(wrong)?));
        }
        let length = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        let pattern = Pattern { shape: Shape::Sequence(length), within };
        Ok(Self { pattern, parts, missing: String::new() })
    }
}

const NO_TIME: &str = "within has to be a time, such as \"12h\"";

fn limited(age: Age) -> Option<Duration> {
    age.limit().filter(|limit| *limit > Duration::ZERO)
}

/// Ids as they are, one of several as `a or b`, and a table by its ids.
fn in_words(value: &Value) -> String {
    /// It stands in an event, and a sentence of a mail or a room.
    const LONGEST: usize = 500;
    let whole = match value {
        Value::String(id) => id.clone(),
        Value::Array(ids) => ids.iter().map(in_words).collect::<Vec<_>>().join(" or "),
        Value::Table(table) => table.get("id").map_or_else(|| "event".to_owned(), in_words),
        other => other.to_string(),
    };
    whole.chars().take(LONGEST).collect()
}

/// Patterns for ids, or a table as for filters elsewhere.
fn selector(value: &Value) -> Result<laniakea_filter::Rule, String> {
    let table = match value {
        Value::Table(table) => table.clone(),
        ids => Table::from_iter([("id".to_owned(), ids.clone())]),
    };
    laniakea_filter::Rule::deserialize(table).map_err(|error| error.message().to_owned())
}
