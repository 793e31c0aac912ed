//! The configuration's own templates.
//!
//! One template in HTML an event type. The plain text comes from the same template, whose tags are
//! turned into text before it is compiled: so data never decides what is markup.

mod to_text;

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use laniakea_catalog::{Catalog, Entry, has_at_most, is_hidden};
use laniakea_event::SignerId;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
    escape_formatter, value::ValueKind,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use super::data::{collapse, members};
use crate::{
    compose::{Body, MAX_BODY_BYTES},
    source::StreamEvent,
};

/// What a template shows where the event should have had a value.
const MISSING: &str = "?";
/// No message needs more steps than this. 64 bytes of text and two items of a list are a step too,
/// so no template ever holds more than some 7 MB.
const FUEL: u64 = 100_000;
/// The longest list that is written, with all lists in it: its items may be made while it is.
const MAX_ITEMS: usize = 20_000;
/// What templates can use beside the members of the data.
const OTHERS: [&str; 8] = ["id", "time", "origin", "author", "digest", "seq", "signers", "data"];

/// The functions that templates can use.
const FUNCTIONS: [&str; 3] = ["dict", "namespace", "range"];

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("messages.templates.{id:?}: {problem}")]
pub struct InvalidTemplate {
    id: String,
    problem: String,
}

/// The templates, compiled.
#[derive(Debug)]
pub struct Templates {
    text: Environment<'static>,
    html: Environment<'static>,
}

impl Templates {
    /// Compiles the templates and tries them on the catalogue's examples.
    ///
    /// # Errors
    ///
    /// The first that does not compile, uses markup that Matrix does not have, or names something
    /// that events of its type do not have.
    pub fn new(templates: &BTreeMap<String, String>) -> Result<Self, InvalidTemplate> {
        let mut this = Self { text: environment(false), html: environment(true) };
        for (id, source) in templates {
            this.add(id, source).map_err(|problem| InvalidTemplate { id: id.clone(), problem })?;
        }
        Ok(this)
    }

    fn add(&mut self, id: &str, source: &str) -> Result<(), String> {
        let text = to_text::to_text(source)?;
        let explain = |error: Error| explain(&error);
        self.text.add_template_owned(id.to_owned(), text).map_err(explain)?;
        self.html.add_template_owned(id.to_owned(), source.to_owned()).map_err(explain)?;
        if let Some(entry) = Catalog::builtin().entry(id) {
            self.check_names(entry)?;
            for data in [entry.example(), entry.bare_example()] {
                self.try_out(entry, &data)?;
            }
        }
        Ok(())
    }

    fn check_names(&self, entry: &Entry) -> Result<(), String> {
        let template = self.html.get_template(entry.id()).map_err(|error| explain(&error))?;
        let is_known = |name: &String| {
            entry.field(name).is_some() || OTHERS.contains(&&**name) || FUNCTIONS.contains(&&**name)
        };
        match template.undeclared_variables(false).into_iter().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => {
                let fields: Vec<&str> =
                    entry.fields().iter().map(laniakea_catalog::Field::name).collect();
                Err(format!(
                    "there is no {name}: events of this type have {}; there are also {}",
                    fields.join(", "),
                    OTHERS.join(", ")
                ))
            }
        }
    }

    fn try_out(&self, entry: &Entry, data: &Json) -> Result<(), String> {
        let event = StreamEvent::example(entry.id(), data)
            .ok_or_else(|| "the catalogue's example makes no event".to_owned())?;
        let body = self.try_render(&event).map_err(|error| explain(&error))?;
        if !body.fits(MAX_BODY_BYTES) {
            return Err(format!("its message is longer than {MAX_BODY_BYTES} bytes"));
        }
        Ok(())
    }

    /// The event in its own template, if there is one and it works on this event.
    pub(super) fn render(&self, event: &StreamEvent) -> Option<Body> {
        self.html.get_template(event.id()).ok()?;
        match self.try_render(event) {
            Ok(body) => Some(body),
            Err(error) => {
                tracing::warn!(
                    event.id = event.id(),
                    event.digest = %event.digest,
                    error = explain(&error),
                    "a template does not work on an event; it is told as the catalogue has it"
                );
                None
            }
        }
    }

    fn try_render(&self, event: &StreamEvent) -> Result<Body, Error> {
        let context = context(event);
        let render =
            |environment: &Environment<'_>| environment.get_template(event.id())?.render(&context);
        let text = render(&self.text)?;
        Ok(Body { text: text.trim().to_owned(), html: render(&self.html)?.trim().to_owned() })
    }
}

fn context(event: &StreamEvent) -> Value {
    let text = |name: &str| event.covered().get(name).and_then(|value| value.as_str());
    let text = |name| text(name).map(|text| super::visible(text, 255));
    let signers: Vec<String> = event.signers.iter().map(SignerId::to_string).collect();
    let data = members(event.data());
    let mut context = data.clone();
    context.insert("data".to_owned(), Value::from(data));
    context.insert("id".to_owned(), Value::from(event.id().to_owned()));
    context.insert("digest".to_owned(), Value::from(event.digest.to_string()));
    context.insert("seq".to_owned(), Value::from(event.seq.map(|seq| seq.0)));
    context.insert("signers".to_owned(), Value::from(signers));
    for name in ["time", "origin", "author"] {
        context.insert(name.to_owned(), Value::from(text(name)));
    }
    Value::from(context)
}

fn environment(is_html: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(
        move |_| {
            if is_html { AutoEscape::Html } else { AutoEscape::None }
        },
    );
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(write_value);
    environment.set_fuel(Some(FUEL));
    // Nothing in an event is markup.
    environment.remove_filter("safe");
    // It shows everything at once, whatever that is.
    environment.remove_global("debug");
    environment
        .add_filter("urlencode", |text: String| utf8_percent_encode(&text, ENCODED).to_string());
    environment.add_filter("lines", |state: &State<'_, '_>, text: String| {
        match state.auto_escape() {
            AutoEscape::None => Value::from_safe_string(text),
            _ => Value::from_safe_string(Body::plain(text).html),
        }
    });
    environment
}

/// RFC 3986's unreserved characters stay.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Writes a value: lists with commas, `?` for what is not there, text on one line unless `lines`
/// said otherwise.
fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if !has_at_most(value, MAX_ITEMS) {
        return Err(Error::new(ErrorKind::WriteFailure, "a list is longer than a message"));
    }
    let shown = match value.kind() {
        ValueKind::Seq => {
            let mut text = Bounded(String::new());
            for (number, item) in value.try_iter()?.enumerate() {
                let separator = if number == 0 { "" } else { ", " };
                write!(text, "{separator}{}", plain_value(&item)).map_err(|_| {
                    Error::new(ErrorKind::WriteFailure, "a list is longer than a message")
                })?;
            }
            Value::from(collapse(&text.0))
        }
        ValueKind::String if !value.is_safe() => {
            Value::from(collapse(value.as_str().unwrap_or_default()))
        }
        _ => plain_value(value),
    };
    escape_formatter(out, state, &shown)
}

/// A text that is no longer than a message may be: lists are made while they are written, of
/// whatever length.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_BODY_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// The template engine writes these as Python does.
fn plain_value(value: &Value) -> Value {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::from(MISSING),
        ValueKind::Bool => Value::from(value.is_true().to_string()),
        _ => value.clone(),
    }
}

/// What is wrong, and where.
fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    let detail: String = detail.chars().filter(|character| !is_hidden(*character)).collect();
    match error.line() {
        Some(line) => format!("line {line}: {}: {detail}", error.kind()),
        None => format!("{}: {detail}", error.kind()),
    }
}

#[cfg(test)]
mod tests;
