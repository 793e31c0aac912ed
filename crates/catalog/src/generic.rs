//! The summary of an event whose type nobody described.

use minijinja::HtmlEscape;
use minijinja::value::{Value, ValueKind};

use crate::clean::one_line;
use crate::conform::scalar_text;
use crate::facet::{Facet, Facets};
use crate::severity::Severity;
use crate::summary::{MAX_TEXT_CHARS, Summary};

/// How many members of `data` are shown.
const MAX_MEMBERS: usize = 6;
/// The longest id or member name shown, in characters.
const MAX_NAME: usize = 128;
/// The longest value shown, in characters.
const MAX_VALUE: usize = 80;

/// The summary of an event of an unknown type: its id, and the first plain members of its data.
///
/// A member that has the name of a facet (`package`, `suite`, …) is taken for one, so that filters
/// work for modules that nobody described yet.
pub(crate) fn generic_summary(id: &str, data: &Value) -> Summary {
    let text = generic_text(id, data);
    Summary {
        html: HtmlEscape(&text).to_string(),
        text,
        severity: Severity::Info,
        facets: facets_by_name(data),
    }
}

/// The id and the first plain members, as in `org.example.job-done: count=3, host=build1`.
pub(crate) fn generic_text(id: &str, data: &Value) -> String {
    let mut text = one_line(id, MAX_NAME);
    let mut separator = ": ";
    for (name, value) in plain_members(data).take(MAX_MEMBERS) {
        text.push_str(separator);
        text.push_str(&one_line(&name, MAX_NAME));
        text.push('=');
        text.push_str(&one_line(&value, MAX_VALUE));
        separator = ", ";
    }
    one_line(&text, MAX_TEXT_CHARS)
}

/// What several events of an unknown type are called.
pub(crate) fn generic_plural(id: &str) -> String {
    one_line(&format!("{} events", one_line(id, MAX_NAME)), MAX_TEXT_CHARS)
}

/// The members of an object that are strings, numbers or booleans.
fn plain_members(data: &Value) -> impl Iterator<Item = (String, String)> {
    let is_object = data.kind() == ValueKind::Map;
    let names = is_object.then(|| data.try_iter().ok()).flatten();
    names.into_iter().flatten().filter_map(|name| {
        let value = data.get_item(&name).ok()?;
        Some((scalar_text(&name)?, scalar_text(&value)?))
    })
}

pub(crate) fn facets_by_name(data: &Value) -> Facets {
    let mut facets = Facets::default();
    for facet in Facet::ALL {
        let value = data.get_attr(facet.as_str()).unwrap_or(Value::UNDEFINED);
        let text = scalar_text(&value).map(|text| one_line(&text, MAX_VALUE));
        facets.insert(facet, text.filter(|text| !text.is_empty()).into_iter().collect());
    }
    facets
}
