//! All rules, and which of them an event may concern at all.

use std::{collections::BTreeMap, sync::Arc};

use laniakea_catalog::Summary;
use laniakea_filter::{Index, Subject};

use super::Rule;

/// All rules by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rules(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// In the order of their names.
    rules: Vec<Rule>,
    /// By their places in `rules`.
    index: Index,
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

    /// Those that may want this event, by name: all others surely do not.
    pub fn candidates(&self, subject: &Subject<'_>, summary: &Summary) -> Vec<&Rule> {
        let Inner { rules, index } = &*self.0;
        let places = index.candidates(subject, summary).into_iter();
        places.filter_map(|place| rules.get(place)).collect()
    }

    /// The first rule that needs a key of keeper's own.
    pub fn needing_identity(&self) -> Option<&Rule> {
        self.iter().find(|rule| rule.action.needs_identity())
    }
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        let rules: BTreeMap<String, Rule> =
            rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect();
        let rules: Vec<Rule> = rules.into_values().collect();
        let mut index = Index::default();
        for (place, rule) in rules.iter().enumerate() {
            rule.filters().for_each(|filter| index.insert(filter, place));
        }
        Self(Arc::new(Inner { rules, index }))
    }
}
