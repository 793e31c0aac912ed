//! Why an event is not meant, for the person who asks.

use laniakea_catalog::{Summary, bounded};
use laniakea_event::Value;
use serde::Serialize;
use toml::ser::ValueSerializer;

use crate::{member, rule::Part, subject::Subject};

/// How much of an event's text is shown, in characters.
const MAX_FOREIGN: usize = 80;
/// How much of a rule's text is shown, in characters.
const MAX_WANTED: usize = 200;
/// How many values of a facet are shown.
const MAX_VALUES: usize = 4;

/// What the event has, and what the rule wants instead.
pub(crate) fn sentence(part: &Part<'_>, subject: &Subject<'_>, summary: &Summary) -> String {
    match part {
        Part::Id(globs) => {
            let id = quoted(subject.id);
            format!("the id is {id}, and the rule wants {}", toml_of(globs))
        }
        Part::Facet(facet, globs) => {
            let values = facet_values(summary.facets.all(*facet));
            format!("the {facet} is {values}, and the rule wants {}", toml_of(globs))
        }
        Part::Data(path, patterns) => {
            let value = member::find(subject.data(), path).map_or("absent".to_owned(), text_of);
            let path = bounded(path, MAX_WANTED);
            format!("data.{path} is {value}, and the rule wants {}", toml_of(patterns))
        }
        Part::Severity(least) => {
            format!("the severity is {}, and the rule wants {least} or worse", summary.severity)
        }
        Part::Expression(expression) => {
            let text = bounded(expression.as_str(), MAX_WANTED);
            format!("the expression is not true of it: {text}")
        }
    }
}

fn facet_values(values: &[String]) -> String {
    if values.is_empty() {
        return "absent".to_owned();
    }
    let mut shown: Vec<String> =
        values.iter().take(MAX_VALUES).map(|value| quoted(value)).collect();
    if values.len() > MAX_VALUES {
        shown.push(format!("{} more", values.len() - MAX_VALUES));
    }
    shown.join(", ")
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Number(number) => bounded(number.as_str(), MAX_FOREIGN),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(items) => format!("a list of {}", items.len()),
        other => other.kind().to_owned(),
    }
}

/// Foreign text that cannot be taken for anything else.
fn quoted(text: &str) -> String {
    let start: String = text.chars().take(MAX_FOREIGN + 1).collect();
    let escaped = start.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{}\"", bounded(&escaped, MAX_FOREIGN))
}

/// The rule's own words, as they stand in it.
fn toml_of(wanted: &impl Serialize) -> String {
    let mut text = String::new();
    match wanted.serialize(ValueSerializer::new(&mut text)) {
        Ok(_) => bounded(&text, MAX_WANTED),
        Err(_) => "something else".to_owned(),
    }
}
