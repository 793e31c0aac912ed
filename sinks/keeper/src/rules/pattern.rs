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
}

/// The longest sequence.
const LONGEST: usize = 8;

impl Waits {
    /// What an event is to the rule, that a filter does or does not match.
    pub fn roles(&self, mut matches: impl FnMut(&laniakea_filter::Rule) -> bool) -> Vec<Role> {
        let found = self.parts.iter().filter(|(_, filter)| matches(filter));
        found.map(|(role, _)| *role).collect()
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

    /// The filter with which it begins.
    pub(super) fn first(&self) -> laniakea_filter::Rule {
        self.parts.first().map(|(_, filter)| filter.clone()).unwrap_or_default()
    }

    pub(super) fn absent(config: &Spanned<AbsentConfig>, is_keyed: bool) -> Result<Self, Wrong> {
        let wrong = |what: &str| (config.span(), what.to_owned());
        let parse = |value: &Value| selector(value).map_err(|what| (config.span(), what));
        let AbsentConfig { after, without, of, within } = config.get_ref();
        let (shape, parts) = match (after, without, of) {
            (Some(after), Some(without), None) => {
                let parts = vec![(Role::Part(0), parse(after)?), (Role::Answer, parse(without)?)];
                (Shape::Unanswered, parts)
            }
            (None, None, Some(of)) => {
                (Shape::Silence { is_keyed }, vec![(Role::Part(0), parse(of)?)])
            }
            _ => return Err(wrong("absent needs either after and without, or of")),
        };
        let within = limited(*within).ok_or_else(|| wrong(NO_TIME))?;
        Ok(Self { pattern: Pattern { shape, within }, parts })
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
        Ok(Self { pattern: Pattern { shape: Shape::Sequence(length), within }, parts })
    }
}

const NO_TIME: &str = "within has to be a time, such as \"12h\"";

fn limited(age: Age) -> Option<Duration> {
    age.limit().filter(|limit| *limit > Duration::ZERO)
}

/// Patterns for ids, or a table as for filters elsewhere.
fn selector(value: &Value) -> Result<laniakea_filter::Rule, String> {
    let table = match value {
        Value::Table(table) => table.clone(),
        ids => Table::from_iter([("id".to_owned(), ids.clone())]),
    };
    laniakea_filter::Rule::deserialize(table).map_err(|error| error.message().to_owned())
}
