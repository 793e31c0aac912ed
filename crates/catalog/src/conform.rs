//! Foreign data, seen through the fields that the catalogue declares.
//!
//! What a template, a facet or a link gets is either a value of the declared type or nothing at
//! all, so that none of them has to expect the unexpected. Where a sender was merely careless, the
//! meaning is kept: a number or boolean where text is expected is its text, a list where text is
//! expected is its items with commas, one value where a list is expected is a list of one.
//! Anything else counts as absent, and so do blank text and the field's own word for "none".

use std::collections::BTreeMap;

use minijinja::value::{Value, ValueKind};

use crate::clean::one_line;
use crate::entry::Entry;
use crate::field::{Field, Kind};

/// The longest text of one field in a summary, in characters.
const MAX_STRING: usize = 120;
/// The same for fields of many lines, which hold reasons and explanations.
const MAX_TEXT: usize = 240;
/// How many items of a list a summary names.
const MAX_ITEMS: usize = 6;
/// How many values a facet has at most.
const MAX_FACET_VALUES: usize = 64;

/// What the templates of `entry` see of `data`: its declared fields, each bounded and on one line.
pub(crate) fn context(entry: &Entry, data: &Value) -> Value {
    show_fields(entry.fields(), data)
}

/// The facet values that a field holds: one for text, several for a list.
pub(crate) fn facet_values(field: &Field, data: &Value) -> Vec<String> {
    let Some(value) = value_of(field, data) else {
        return Vec::new();
    };
    let items = match field.kind() {
        Kind::Object(_) => Vec::new(),
        Kind::List => items_of(&value),
        _ => vec![value],
    };
    items.iter().take(MAX_FACET_VALUES).map(|item| one_line(&text_of(item), MAX_STRING)).collect()
}

/// The text of a field exactly as it is in `data`, if it is a plain string.
pub(crate) fn exact_text(field: &Field, data: &Value) -> Option<String> {
    let value = member(data, field.name());
    let text = conform(field, &value)?;
    (value.kind() == ValueKind::String).then(|| text_of(&text))
}

/// The text of a field's value, for comparing with what the catalogue says.
pub(crate) fn comparable_text(field: &Field, data: &Value) -> Option<String> {
    value_of(field, data).map(|value| text_of(&value))
}

/// The text of a scalar: string, number or boolean.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool)
        .then(|| text_of(value))
}

/// A field's value, of the declared type or none.
fn value_of(field: &Field, data: &Value) -> Option<Value> {
    conform(field, &member(data, field.name()))
}

fn member(data: &Value, name: &str) -> Value {
    data.get_attr(name).unwrap_or(Value::UNDEFINED)
}

fn conform(field: &Field, value: &Value) -> Option<Value> {
    match field.kind() {
        Kind::String | Kind::Text | Kind::Choice(_) => conform_text(field, value),
        Kind::Bool => (value.kind() == ValueKind::Bool).then(|| value.clone()),
        Kind::Int => value.is_integer().then(|| value.clone()),
        Kind::List => conform_list(value),
        // Its members conform one by one, when somebody looks at them.
        Kind::Object(_) => (value.kind() == ValueKind::Map).then(|| value.clone()),
    }
}

fn conform_text(field: &Field, value: &Value) -> Option<Value> {
    let text = match value.kind() {
        ValueKind::String => value.clone(),
        ValueKind::Seq => Value::from(joined(&items_of(value))),
        _ => Value::from(scalar_text(value)?),
    };
    let is_empty = |text: &str| text.trim().is_empty() || field.empty() == Some(text);
    (!is_empty(text.as_str()?)).then_some(text)
}

fn conform_list(value: &Value) -> Option<Value> {
    let items = match value.kind() {
        ValueKind::Seq => items_of(value),
        _ => vec![Value::from(scalar_text(value)?)],
    };
    Some(Value::from(items))
}

/// The scalars of a list, as text; whatever else is in it is left out.
fn items_of(list: &Value) -> Vec<Value> {
    let items = list.try_iter().into_iter().flatten();
    items.filter_map(|item| scalar_text(&item).map(Value::from)).collect()
}

/// The text of a conforming value. (Minijinja's own writes booleans as Python does.)
fn text_of(value: &Value) -> String {
    match value.kind() {
        ValueKind::Bool => value.is_true().to_string(),
        ValueKind::Seq => joined(&items_of(value)),
        _ => value.to_string(),
    }
}

fn joined(items: &[Value]) -> String {
    let texts: Vec<String> = items.iter().map(text_of).collect();
    texts.join(", ")
}

/// The fields that `data` has, as a summary shows them.
fn show_fields(fields: &[Field], data: &Value) -> Value {
    let shown = fields.iter().filter_map(|field| {
        let value = value_of(field, data)?;
        Some((field.name().to_owned(), show(field, &value)))
    });
    Value::from(shown.collect::<BTreeMap<_, _>>())
}

/// A conforming value as a summary shows it.
fn show(field: &Field, value: &Value) -> Value {
    match field.kind() {
        Kind::Bool | Kind::Int => value.clone(),
        Kind::String | Kind::Choice(_) => Value::from(one_line(&text_of(value), MAX_STRING)),
        Kind::Text => Value::from(one_line(&text_of(value), MAX_TEXT)),
        Kind::List => show_list(&items_of(value)),
        Kind::Object(members) => show_fields(members, value),
    }
}

/// The first items, and a last one that says how many more there are.
fn show_list(items: &[Value]) -> Value {
    let mut shown: Vec<String> =
        items.iter().take(MAX_ITEMS).map(|item| one_line(&text_of(item), MAX_STRING)).collect();
    if items.len() > MAX_ITEMS {
        shown.push(format!("and {} more", items.len() - MAX_ITEMS));
    }
    Value::from(shown)
}
