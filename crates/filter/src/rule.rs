//! A rule: which events somebody wants, as a table in a configuration file.

use std::{collections::BTreeMap, fmt, str::FromStr};

use laniakea_catalog::{Facet, Severity, Summary, bounded};
use serde::{Deserialize, Serialize};
use toml::{de::ValueDeserializer, ser::ValueSerializer};

use crate::{
    expression::Expression, glob::Glob, member, mismatch, one_of::OneOf, pattern::Pattern,
    subject::Subject,
};

/// Which events are meant. Every part that there is has to match; a rule without parts matches
/// every event.
///
/// ```
/// use laniakea_filter::Rule;
///
/// let rule: Rule = toml::from_str(
///     r#"
///     id = "_lk.archive.*"                # a pattern, or a list of them
///     facets = { suite = "landing" }      # one of the event's values has to match
///     data = { is_new = true, "changes.new" = [1, 2], architecture = "{amd64,arm64}" }
///     severity = "warning"                # that or worse
///     where = "'archive-01' in signers"   # CEL
///     "#,
/// )?;
/// assert_eq!(rule.to_string().parse::<Rule>()?, rule);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The event's type. Default: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<OneOf<Glob>>,
    /// What it is about: for each facet, one of its values. Default: anything.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) facets: BTreeMap<Facet, OneOf<Glob>>,
    /// What its data holds, by name or, inside objects, by names with dots between. Default:
    /// anything.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) data: BTreeMap<String, OneOf<Pattern>>,
    /// How much it matters at least. Default: `info`, which is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) severity: Option<Severity>,
    /// What is true of it. Default: anything.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) expression: Option<Expression>,
}

/// The longest text of a rule, in bytes.
pub const MAX_RULE_BYTES: usize = 1 << 14;

/// The longest description of what is wrong with a rule, in characters: it repeats what it found.
const MAX_PROBLEM: usize = 400;

/// A text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// It has more than [`MAX_RULE_BYTES`].
    #[error("the rule is longer than {MAX_RULE_BYTES} bytes")]
    Long,
    /// It is no inline table in TOML, or there is something in it that rules do not have.
    #[error("no rule: {problem}")]
    Syntax {
        /// What is wrong with it.
        problem: String,
    },
}

/// A part of a rule, with what stands in it.
pub(crate) enum Part<'r> {
    Id(&'r OneOf<Glob>),
    Facet(Facet, &'r OneOf<Glob>),
    Data(&'r str, &'r OneOf<Pattern>),
    Severity(Severity),
    Expression(&'r Expression),
}

impl Rule {
    /// Whether this event is meant; `summary` is what the catalogue says about it.
    pub fn matches(&self, subject: &Subject<'_>, summary: &Summary) -> bool {
        self.failing(subject, summary).is_none()
    }

    /// Why the event is not meant: the first part that does not match and what the event has
    /// instead, in a sentence of bounded length without hidden characters. None if it is meant.
    pub fn mismatch(&self, subject: &Subject<'_>, summary: &Summary) -> Option<String> {
        self.failing(subject, summary).map(|part| mismatch::sentence(&part, subject, summary))
    }

    /// How many events were not held against the rule's expression to the end, since that would
    /// have cost too much. Those did not match.
    pub fn overruns(&self) -> u64 {
        self.expression.as_ref().map_or(0, Expression::overruns)
    }

    /// The first part that does not match.
    fn failing(&self, subject: &Subject<'_>, summary: &Summary) -> Option<Part<'_>> {
        self.parts().find(|part| !part.matches(subject, summary))
    }

    /// All parts, the dearest one last.
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let id = self.id.iter().map(Part::Id);
        let severity = self.severity.into_iter().map(Part::Severity);
        let facets = self.facets.iter().map(|(facet, globs)| Part::Facet(*facet, globs));
        let data = self.data.iter().map(|(path, patterns)| Part::Data(path, patterns));
        let expression = self.expression.iter().map(Part::Expression);
        id.chain(severity).chain(facets).chain(data).chain(expression)
    }
}

impl Part<'_> {
    fn matches(&self, subject: &Subject<'_>, summary: &Summary) -> bool {
        match self {
            Self::Id(globs) => globs.any(|glob| glob.matches(subject.id)),
            Self::Facet(facet, globs) => {
                let mut values = summary.facets.all(*facet).iter();
                values.any(|value| globs.any(|glob| glob.matches(value)))
            }
            Self::Data(path, patterns) => member::find(subject.data(), path)
                .is_some_and(|value| member::is_wanted(value, patterns)),
            Self::Severity(least) => summary.severity >= *least,
            Self::Expression(expression) => expression.matches(subject),
        }
    }
}

/// The rule from an inline table, as [`Rule`]'s `Display` writes it.
impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_RULE_BYTES {
            return Err(InvalidRule::Long);
        }
        let parsed = ValueDeserializer::parse(text).and_then(Self::deserialize);
        parsed
            .map_err(|error| InvalidRule::Syntax { problem: bounded(error.message(), MAX_PROBLEM) })
    }
}

/// The rule as an inline table, which parses to the same rule.
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.serialize(ValueSerializer::new(&mut text)).map_err(|_| fmt::Error)?;
        formatter.write_str(&text)
    }
}
