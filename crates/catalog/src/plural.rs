//! What several events are called together, as in "14 packages accepted into landing".

use minijinja::HtmlEscape;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use crate::catalog::Catalog;
use crate::generic::generic_plural;

/// What stands after the number of several events that are told together. Events with the same
/// phrase belong together, so it speaks of what many of them share, and never of one package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Phrase {
    /// One line, bounded and cleaned like [`Summary::text`](crate::Summary::text).
    pub text: String,
    /// The same with markup, bounded and escaped like [`Summary::html`](crate::Summary::html).
    pub html: String,
}

impl Catalog {
    /// What to call several events of type `id` with such `data`, after a number of two or more.
    ///
    /// Never fails: an unknown type gets its id and the word "events", a known one shows `?` where
    /// a value is missing.
    pub fn plural<D: Serialize + ?Sized>(&self, id: &str, data: &D) -> Phrase {
        let rendered = self.entry(id).and_then(|entry| {
            let data = Value::from(Serde(data));
            self.render(&plural_name(id), entry, &data).ok()
        });
        let (text, html) = rendered.unwrap_or_else(|| {
            let text = generic_plural(id);
            let html = HtmlEscape(&text).to_string();
            (text, html)
        });
        Phrase { text, html }
    }
}

/// The name of the template of an event type's plural. Event ids have no spaces.
pub(crate) fn plural_name(id: &str) -> String {
    format!("{id} plural")
}
