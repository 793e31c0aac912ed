//! The form of a catalogue file in TOML.
//!
//! A file defines each word of its module once, under `[field]`, and sorts the words into facets
//! under `[facets]`; its event types name the words that they have.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::entry::SeverityRule;
use crate::facet::Facet;
use crate::field::{Field, Kind};
use crate::lifecycle::Lifecycle;
use crate::severity::Severity;

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModuleFile {
    pub(crate) module: String,
    pub(crate) doc: String,
    #[serde(default)]
    pub(crate) facets: BTreeMap<Facet, Vec<String>>,
    pub(crate) field: BTreeMap<String, FieldDefinition>,
    pub(crate) event: Vec<EventDefinition>,
}

/// One event type.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventDefinition {
    pub(crate) id: String,
    pub(crate) doc: String,
    pub(crate) severity: Severity,
    #[serde(default)]
    pub(crate) severity_when: Vec<SeverityRule>,
    /// The summary as HTML; without its tags it is the text.
    pub(crate) summary: String,
    /// In the same language, what comes after the number of several such events.
    pub(crate) plural: String,
    pub(crate) fields: Vec<String>,
    #[serde(default)]
    pub(crate) optional: Vec<String>,
    /// Fields that mean something else here than in the rest of the file.
    #[serde(default)]
    pub(crate) field: BTreeMap<String, FieldDefinition>,
    /// What the event is a stage of.
    pub(crate) lifecycle: Option<Lifecycle>,
    #[serde(default)]
    pub(crate) links: Vec<LinkDefinition>,
    pub(crate) example: Map<String, Json>,
}

/// One word.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FieldDefinition {
    #[serde(rename = "type")]
    kind: KindName,
    doc: String,
    #[serde(default)]
    nullable: bool,
    empty: Option<String>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    members: Vec<MemberDefinition>,
}

/// One member of an object, in the order in which to show them.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberDefinition {
    name: String,
    #[serde(rename = "type")]
    kind: KindName,
    doc: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    String,
    Text,
    Bool,
    Int,
    List,
    Choice,
    Object,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkDefinition {
    pub(crate) label: String,
    pub(crate) base: String,
    pub(crate) path: String,
}

impl FieldDefinition {
    /// The field that this word is when an event has it under `name`.
    pub(crate) fn named(&self, name: &str, optional: bool) -> Field {
        Field {
            name: name.to_owned(),
            doc: self.doc.clone(),
            kind: self.kind.with(&self.values, &self.members),
            nullable: self.nullable,
            optional,
            empty: self.empty.clone(),
        }
    }
}

impl KindName {
    fn with(self, values: &[String], members: &[MemberDefinition]) -> Kind {
        match self {
            Self::String => Kind::String,
            Self::Text => Kind::Text,
            Self::Bool => Kind::Bool,
            Self::Int => Kind::Int,
            Self::List => Kind::List,
            Self::Choice => Kind::Choice(values.to_vec()),
            Self::Object => Kind::Object(members.iter().map(MemberDefinition::field).collect()),
        }
    }
}

impl MemberDefinition {
    fn field(&self) -> Field {
        Field {
            name: self.name.clone(),
            doc: self.doc.clone(),
            kind: self.kind.with(&[], &[]),
            nullable: false,
            optional: false,
            empty: None,
        }
    }
}
