//! The catalogue: all event types that are known, and what it says about an event.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value};
use minijinja::{ErrorKind, HtmlEscape};
use serde::Serialize;

use crate::clean::one_line;
use crate::conform::context;
use crate::entry::Entry;
use crate::error::CatalogError;
use crate::facet::Facets;
use crate::generic::{facets_by_name, generic_summary, generic_text};
use crate::link::{Link, LinkBases};
use crate::severity::Severity;
use crate::summary::{MAX_HTML_BYTES, MAX_TEXT_CHARS, Summary};
use crate::templates::Templates;

/// The catalogue files that are part of this program.
const BUILTIN: [(&str, &str); 9] = [
    ("core.toml", include_str!("../../../catalog/core.toml")),
    ("jobs.toml", include_str!("../../../catalog/jobs.toml")),
    ("archive.toml", include_str!("../../../catalog/archive.toml")),
    ("rubicon.toml", include_str!("../../../catalog/rubicon.toml")),
    ("isotope.toml", include_str!("../../../catalog/isotope.toml")),
    ("synchrotron.toml", include_str!("../../../catalog/synchrotron.toml")),
    ("spears.toml", include_str!("../../../catalog/spears.toml")),
    ("debcheck.toml", include_str!("../../../catalog/debcheck.toml")),
    ("keeper.toml", include_str!("../../../catalog/keeper.toml")),
];

/// A module and what its events are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its name, the second label of its event ids.
    pub name: String,
    /// What it does.
    pub doc: String,
}

/// The event types that are known.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) modules: Vec<Module>,
    pub(crate) entries: Vec<Entry>,
    /// Where in `entries` an id is.
    pub(crate) places: BTreeMap<String, usize>,
    pub(crate) templates: Templates,
}

impl Catalog {
    /// The catalogue that is part of this program, parsed once.
    pub fn builtin() -> &'static Self {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::from_toml(BUILTIN).expect("a test loads the files that are compiled in")
        });
        &CATALOG
    }

    /// Loads a catalogue from files, given as their names (for messages) and texts.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with them. Names must be declared, templates must compile
    /// and work on the example, and the example must have every field.
    pub fn from_toml<'t>(
        files: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Self, CatalogError> {
        crate::load::load(files)
    }

    /// What is known about the event type `id`.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.places.get(id).and_then(|place| self.entries.get(*place))
    }

    /// All event types, in the order of their files.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The modules, in the order of their files.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// What to tell a person about an event of type `id` with this `data`.
    ///
    /// Never fails: an unknown type gets its id and the first plain members of its data, a known
    /// one shows `?` where a value is missing, and both are bounded (see [`Summary`]).
    pub fn summary<D: Serialize + ?Sized>(&self, id: &str, data: &D) -> Summary {
        let data = Value::from(Serde(data));
        let Some(entry) = self.entry(id) else {
            return generic_summary(id, &data);
        };
        let (text, html) =
            self.render(id, entry, &data).unwrap_or_else(|_| plain(generic_text(id, &data)));
        Summary { text, html, severity: entry.severity_of(&data), facets: entry.facets_of(&data) }
    }

    /// How much an event matters and what it is about: the parts of its [`Summary`] that cost
    /// little, for those who sort events and show none.
    pub fn classify<D: Serialize + ?Sized>(&self, id: &str, data: &D) -> (Severity, Facets) {
        let data = Value::from(Serde(data));
        match self.entry(id) {
            Some(entry) => (entry.severity_of(&data), entry.facets_of(&data)),
            None => (Severity::Info, facets_by_name(&data)),
        }
    }

    /// Where a person can read on about an event: the links whose base is configured and whose
    /// values the event has.
    pub fn links<D: Serialize + ?Sized>(&self, id: &str, data: &D, bases: &LinkBases) -> Vec<Link> {
        let Some(entry) = self.entry(id) else {
            return Vec::new();
        };
        let data = Value::from(Serde(data));
        let links = entry.links.iter();
        links.filter_map(|link| link.fill(entry, &data, bases)).collect()
    }

    /// The text and HTML of an event, from the template called `name` of its type.
    pub(crate) fn render(
        &self,
        name: &str,
        entry: &Entry,
        data: &Value,
    ) -> Result<(String, String), minijinja::Error> {
        let (text, html) = self.templates.render(name, &context(entry, data))?;
        let text = one_line(&text, MAX_TEXT_CHARS);
        if text.is_empty() {
            return Err(minijinja::Error::new(ErrorKind::InvalidOperation, "it shows nothing"));
        }
        // Markup cannot be cut just anywhere; text of this length escapes to less than the limit.
        if html.len() > MAX_HTML_BYTES {
            return Ok(plain(text));
        }
        Ok((text, html))
    }
}

/// A text and the HTML that shows the same without markup.
fn plain(text: String) -> (String, String) {
    let html = HtmlEscape(&text).to_string();
    (text, html)
}

#[cfg(test)]
mod tests;
