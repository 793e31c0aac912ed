//! One event type.

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::{Map, Value as Json};

use crate::conform::{comparable_text, facet_values};
use crate::facet::{Facet, Facets};
use crate::field::{Field, Kind, find};
use crate::lifecycle::Lifecycle;
use crate::link::LinkTemplate;
use crate::severity::Severity;

/// What the catalogue says about one event type.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) id: String,
    pub(crate) module: String,
    pub(crate) doc: String,
    pub(crate) severity: Severity,
    pub(crate) severity_when: Vec<SeverityRule>,
    pub(crate) summary: String,
    pub(crate) plural: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) facets: BTreeMap<Facet, Vec<String>>,
    pub(crate) lifecycle: Option<Lifecycle>,
    pub(crate) links: Vec<LinkTemplate>,
    pub(crate) example: Map<String, Json>,
}

/// A severity that holds while a field has a certain value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeverityRule {
    pub(crate) field: String,
    /// The value, as text: `true` for a boolean.
    pub(crate) equals: String,
    pub(crate) severity: Severity,
}

impl Entry {
    /// The event id, such as `_lk.archive.package-build-success`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The module that emits it, which is also the name of its catalogue file.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// When the event is emitted and what it tells.
    pub fn doc(&self) -> &str {
        &self.doc
    }

    /// The severity that events of this type have unless their data says otherwise.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The members of `data`, in the order in which to show them.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The member of `data` called `name`.
    pub fn field(&self, name: &str) -> Option<&Field> {
        find(&self.fields, name)
    }

    /// For each facet the fields that it is taken from: the first one that has a value.
    pub fn facets(&self) -> &BTreeMap<Facet, Vec<String>> {
        &self.facets
    }

    /// The labels and bases of the links that events of this type can have.
    pub fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.links.iter().map(|link| (link.label(), link.base()))
    }

    /// An example of `data` with every field present.
    pub fn example(&self) -> Json {
        Json::Object(self.example.clone())
    }

    /// The example with as little in it as is valid: optional fields absent, nullable ones `null`.
    pub fn bare_example(&self) -> Json {
        let required = self.fields.iter().filter(|field| !field.optional);
        let members = required.map(|field| {
            let value = match self.example.get(&field.name) {
                Some(value) if !field.nullable => value.clone(),
                _ => Json::Null,
            };
            (field.name.clone(), value)
        });
        Json::Object(members.collect())
    }

    /// The severity of an event with this data.
    pub(crate) fn severity_of(&self, data: &Value) -> Severity {
        let holds = |rule: &&SeverityRule| {
            self.field(&rule.field)
                .and_then(|field| comparable_text(field, data))
                .is_some_and(|text| text == rule.equals)
        };
        self.severity_when.iter().find(holds).map_or(self.severity, |rule| rule.severity)
    }

    /// The facets of an event with this data.
    pub(crate) fn facets_of(&self, data: &Value) -> Facets {
        let mut facets = Facets::default();
        for (facet, names) in &self.facets {
            let values = names
                .iter()
                .filter_map(|name| self.field(name))
                .map(|field| facet_values(field, data))
                .find(|values| !values.is_empty());
            facets.insert(*facet, values.unwrap_or_default());
        }
        facets
    }

    /// Whether `path` (`name`, or `name.member` inside an object) is declared.
    pub(crate) fn declares(&self, path: &str) -> bool {
        let mut parts = path.split('.');
        let first = parts.next().and_then(|name| self.field(name));
        parts.fold(first, |field, name| field?.member(name)).is_some()
    }

    /// What is wrong with the example, if anything is.
    pub(crate) fn example_problem(&self) -> Option<String> {
        problem_of(&self.fields, &self.example)
    }
}

fn problem_of(fields: &[Field], object: &Map<String, Json>) -> Option<String> {
    if let Some(name) = object.keys().find(|name| find(fields, name).is_none()) {
        return Some(format!("{name} is not declared"));
    }
    fields.iter().find_map(|field| {
        let name = field.name();
        match (object.get(name), field.kind()) {
            (None, _) => Some(format!("{name} is missing")),
            (Some(Json::Object(object)), Kind::Object(members)) => problem_of(members, object),
            (Some(value), kind) => {
                (!is_of_kind(value, kind)).then(|| format!("{name} has the wrong type"))
            }
        }
    })
}

fn is_of_kind(value: &Json, kind: &Kind) -> bool {
    match kind {
        Kind::String | Kind::Text => value.is_string(),
        Kind::Bool => value.is_boolean(),
        Kind::Int => value.is_i64(),
        Kind::List => value.as_array().is_some_and(|items| items.iter().all(Json::is_string)),
        Kind::Choice(values) => {
            value.as_str().is_some_and(|text| values.iter().any(|value| value == text))
        }
        Kind::Object(_) => false,
    }
}
