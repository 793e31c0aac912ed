//! Which events are stages of the same thing: a job that is assigned, accepted and finished.

use minijinja::value::{Serde, Value};
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::conform::exact_text;
use crate::entry::Entry;
use crate::field::Kind;

/// The longest value of one field in a key, in bytes. Keys are kept for as long as the thing lives.
const MAX_VALUE_BYTES: usize = 255;

/// The place of one event in the life of what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What kind of thing it is: `job`, `issue`.
    pub name: String,
    /// Which one it is: events with the same name and key are about the same thing. A JSON array
    /// of the exact values, so that no two lists of values have the same key.
    pub key: String,
    /// Whether nothing comes after it.
    pub is_last: bool,
}

/// The lifecycle of an event type, as its catalogue file has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lifecycle {
    pub(crate) name: String,
    /// The fields that tell one thing from the others.
    pub(crate) key: Vec<String>,
    #[serde(default)]
    pub(crate) last: bool,
}

impl Catalog {
    /// Which stage of what an event of type `id` with this `data` is.
    ///
    /// None if its type is no stage of anything, or if the data does not say of what: a field of
    /// the key is absent, blank, no plain string or longer than 255 bytes.
    pub fn lifecycle<D: Serialize + ?Sized>(&self, id: &str, data: &D) -> Option<Stage> {
        let entry = self.entry(id)?;
        let Lifecycle { name, last, .. } = entry.lifecycle.as_ref()?;
        let key = entry.lifecycle_key(&Value::from(Serde(data)))?;
        Some(Stage { name: name.clone(), key, is_last: *last })
    }
}

impl Entry {
    fn lifecycle_key(&self, data: &Value) -> Option<String> {
        let names = self.lifecycle.iter().flat_map(|lifecycle| &lifecycle.key);
        let values: Option<Vec<String>> = names
            .map(|name| exact_text(self.field(name)?, data))
            .map(|value| value.filter(|value| value.len() <= MAX_VALUE_BYTES))
            .collect();
        serde_json::to_string(&values?).ok()
    }
}

impl Lifecycle {
    /// What is wrong with it in this event type, if anything is. That its fields exist is checked
    /// before.
    pub(crate) fn problem(&self, entry: &Entry) -> Option<String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
        if self.name.is_empty() || !self.name.bytes().all(is_plain) {
            return Some(format!("its name {:?} is not made of a-z and -", self.name));
        }
        if self.key.is_empty() {
            return Some("its key names no field".to_owned());
        }
        let is_text = |name: &String| {
            let kind = entry.field(name).map(|field| &field.kind);
            matches!(kind, Some(Kind::String | Kind::Choice(_)))
        };
        let other = self.key.iter().find(|name| !is_text(name));
        other.map(|name| format!("{name} in its key is no plain string"))
    }
}
