//! Which of many rules an event may match at all, so that a thousand rules do not cost a thousand
//! comparisons for each event.
//!
//! A rule is found by how the ids that it means begin, and by one text that a member of the data or
//! a facet has to have, where it demands one: `data = { repo = "main" }`, `facets = { suite =
//! "sid" }`, `where = "data.repo == 'main' && …"`.

use std::collections::{BTreeMap, BTreeSet};

use laniakea_catalog::{Facet, Summary};

use crate::{glob::Glob, member, one_of::OneOf, pattern::Pattern, rule::Rule, subject::Subject};

/// Rules, by numbers that whoever inserts them gives them.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// By how the ids begin.
    groups: BTreeMap<String, Group>,
    /// The lengths of these beginnings.
    lengths: BTreeSet<usize>,
}

/// Rules whose ids begin alike.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Those that demand no text.
    others: Vec<usize>,
    by_text: BTreeMap<Place, BTreeMap<String, Vec<usize>>>,
}

/// Where a text has to stand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Member(String),
    Facet(Facet),
}

impl Index {
    /// Adds a rule. Several may have the same number.
    pub fn insert(&mut self, rule: &Rule, number: usize) {
        let beginnings = match &rule.id {
            Some(globs) => globs.iter().map(|glob| glob.beginning().to_owned()).collect(),
            None => BTreeSet::from([String::new()]),
        };
        let demand = demand(rule);
        for beginning in beginnings {
            self.lengths.insert(beginning.len());
            let group = self.groups.entry(beginning).or_default();
            match &demand {
                None => group.others.push(number),
                Some((place, texts)) => {
                    let by_text = group.by_text.entry(place.clone()).or_default();
                    for text in texts {
                        by_text.entry(text.clone()).or_default().push(number);
                    }
                }
            }
        }
    }

    /// The numbers of the rules that the event may match; all others it surely does not.
    pub fn candidates(&self, subject: &Subject<'_>, summary: &Summary) -> BTreeSet<usize> {
        let beginnings = self.lengths.iter().filter_map(|length| subject.id.get(..*length));
        let groups = beginnings.filter_map(|beginning| self.groups.get(beginning));
        groups.flat_map(|group| group.candidates(subject, summary)).collect()
    }
}

impl Group {
    fn candidates<'g>(
        &'g self,
        subject: &'g Subject<'_>,
        summary: &'g Summary,
    ) -> impl Iterator<Item = usize> + 'g {
        let found = self.by_text.iter().flat_map(|(place, by_text)| {
            let texts = place.texts(subject, summary);
            texts.into_iter().filter_map(|text| by_text.get(text)).flatten()
        });
        self.others.iter().chain(found).copied()
    }
}

impl Place {
    /// What stands there.
    fn texts<'e>(&self, subject: &Subject<'e>, summary: &'e Summary) -> Vec<&'e str> {
        match self {
            Self::Facet(facet) => summary.facets.all(*facet).iter().map(String::as_str).collect(),
            Self::Member(path) => {
                member::find(subject.data(), path).map(member::texts).unwrap_or_default()
            }
        }
    }
}

/// A place where one of some texts has to stand, if the rule demands that of any.
fn demand(rule: &Rule) -> Option<(Place, Vec<String>)> {
    let of_data = || {
        rule.data.iter().find_map(|(path, patterns)| {
            let texts = literals(patterns, Pattern::literal)?;
            Some((Place::Member(path.clone()), texts))
        })
    };
    let of_expression = || {
        let (member, text) = rule.expression.as_ref()?.demand()?;
        Some((Place::Member(member.to_owned()), vec![text.to_owned()]))
    };
    let of_facets = || {
        rule.facets.iter().find_map(|(facet, globs)| {
            let texts = literals(globs, Glob::literal)?;
            Some((Place::Facet(*facet), texts))
        })
    };
    of_data().or_else(of_expression).or_else(of_facets)
}

/// The texts that the alternatives stand for, if each of them stands for one.
fn literals<T>(
    alternatives: &OneOf<T>,
    literal: impl Fn(&T) -> Option<&str>,
) -> Option<Vec<String>> {
    alternatives.iter().map(|alternative| literal(alternative).map(str::to_owned)).collect()
}
