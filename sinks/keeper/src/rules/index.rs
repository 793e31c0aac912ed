//! All rules, and which of them an event may concern at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use toml::Value;

use super::Rule;

/// All rules by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rules(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// In the order of their names.
    rules: Vec<Rule>,
    /// By how the ids of their events begin: places in `rules`.
    by_prefix: BTreeMap<String, Vec<usize>>,
    /// The lengths of these beginnings.
    lengths: BTreeSet<usize>,
}

impl Rules {
    /// The rule of this name.
    pub fn get(&self, name: &str) -> Option<&Rule> {
        let rules = &self.0.rules;
        let place = rules.binary_search_by(|rule| rule.name.as_str().cmp(name)).ok()?;
        rules.get(place)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.rules.iter()
    }

    /// Those that may want an event of this type, by name: all others surely do not.
    pub fn candidates(&self, id: &str) -> Vec<&Rule> {
        let Inner { rules, by_prefix, lengths } = &*self.0;
        let beginnings = lengths.iter().filter_map(|length| id.get(..*length));
        let places: BTreeSet<usize> = beginnings
            .filter_map(|beginning| by_prefix.get(beginning))
            .flatten()
            .copied()
            .collect();
        places.into_iter().filter_map(|place| rules.get(place)).collect()
    }

    /// The first rule that needs a key of keeper's own.
    pub fn needing_identity(&self) -> Option<&Rule> {
        self.iter().find(|rule| rule.action.needs_identity())
    }
}

/// How the ids that the patterns mean begin; an id itself where there is no pattern in it.
pub(super) fn prefixes(on: &Value) -> Vec<String> {
    let fixed = |pattern: &str| {
        pattern.split(['*', '?', '[', ']', '{', '}', '\\']).next().unwrap_or_default().to_owned()
    };
    match on {
        Value::String(pattern) => vec![fixed(pattern)],
        Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).map(fixed).collect(),
        // A filter of its own; without an id it means every id.
        Value::Table(table) => table.get("id").map_or_else(|| vec![String::new()], prefixes),
        // No pattern means every id.
        _ => vec![String::new()],
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        let rules: BTreeMap<String, Rule> =
            rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect();
        let rules: Vec<Rule> = rules.into_values().collect();
        let mut by_prefix: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, rule) in rules.iter().enumerate() {
            for prefix in &rule.prefixes {
                by_prefix.entry(prefix.clone()).or_default().push(place);
            }
        }
        let lengths = by_prefix.keys().map(String::len).collect();
        Self(Arc::new(Inner { rules, by_prefix, lengths }))
    }
}
