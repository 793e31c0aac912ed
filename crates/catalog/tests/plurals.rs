//! What several events of one type are called together.

use std::collections::BTreeSet;
use std::fmt::Write;

use laniakea_catalog::{Catalog, Entry, Facet, Kind, MAX_HTML_BYTES, MAX_TEXT_CHARS, Phrase};
use serde_json::{Value, json};

/// The examples of a type, with every choice that there is.
fn variants(entry: &Entry) -> Vec<Value> {
    let mut variants = vec![entry.example(), entry.bare_example()];
    for field in entry.fields() {
        let values: Vec<Value> = match field.kind() {
            Kind::Bool => vec![json!(true), json!(false)],
            Kind::Choice(values) => values.iter().map(|value| json!(value)).collect(),
            _ => field.empty().map(|empty| json!(empty)).into_iter().collect(),
        };
        variants.extend(values.into_iter().map(|value| with(entry, field.name(), value)));
    }
    variants
}

fn with(entry: &Entry, name: &str, value: Value) -> Value {
    let mut data = entry.example();
    data[name] = value;
    data
}

#[test]
fn plurals_read_well() {
    let catalog = Catalog::builtin();
    let mut shown = String::new();
    for entry in catalog.entries() {
        let phrases = variants(entry).into_iter().map(|data| catalog.plural(entry.id(), &data));
        shown.push_str(entry.id());
        for Phrase { text, html } in phrases.collect::<BTreeSet<_>>() {
            assert!(!text.contains('?'), "{}: a valid event lacks something: {text}", entry.id());
            write!(shown, "\n  3 {text}\n  3 {html}").unwrap();
        }
        shown.push('\n');
    }
    insta::assert_snapshot!("plurals", shown);
}

/// Whether a field differs from event to event, so that a phrase with it would group nothing.
fn is_particular(entry: &Entry, name: &str) -> bool {
    const PARTICULAR: [Facet; 4] = [Facet::Package, Facet::Version, Facet::Job, Facet::Person];
    let has = |facet: &Facet| {
        entry.facets().get(facet).is_some_and(|names| names.iter().any(|other| other == name))
    };
    PARTICULAR.iter().any(has)
        || ["name", "_id", "uuid", "version", "date", "time", "files", "message", "node"]
            .iter()
            .any(|part| name.contains(part))
}

#[test]
fn events_about_other_packages_are_called_the_same() {
    let catalog = Catalog::builtin();
    for entry in catalog.entries() {
        for data in variants(entry) {
            let phrase = catalog.plural(entry.id(), &data);
            for field in entry.fields() {
                let is_text = matches!(field.kind(), Kind::String | Kind::Text);
                let is_set = data[field.name()].is_string();
                let is_none = data[field.name()].as_str() == field.empty();
                let differs = field.kind() == &Kind::Text || is_particular(entry, field.name());
                if is_text && is_set && !is_none && differs {
                    let mut other = data.clone();
                    other[field.name()] = json!("another");
                    let (id, name) = (entry.id(), field.name());
                    assert_eq!(catalog.plural(id, &other), phrase, "{id}: {name}");
                }
            }
        }
    }
}

#[test]
fn events_in_another_suite_are_called_something_else() {
    let id = "_lk.archive.package-upload-accepted";
    let phrase = |suite: &str, is_new: bool| {
        Catalog::builtin().plural(id, &json!({"suite": suite, "is_new": is_new})).text
    };
    assert_eq!(phrase("landing", false), "packages accepted into landing");
    assert_eq!(phrase("byzantium", false), "packages accepted into byzantium");
    assert_eq!(phrase("landing", true), "packages that arrived for landing and wait for review");
}

#[test]
fn an_event_that_lacks_something_is_still_called_something() {
    let id = "_lk.archive.package-upload-accepted";
    for data in [json!({}), json!({"suite": null}), json!({"suite": {"a": 1}}), json!([]), json!(7)]
    {
        assert_eq!(Catalog::builtin().plural(id, &data).text, "packages accepted into ?");
    }
}

#[test]
fn hostile_data_stays_data_in_a_plural() {
    let id = "_lk.archive.package-upload-accepted";
    let phrase = |suite: &str| Catalog::builtin().plural(id, &json!({"suite": suite}));
    let Phrase { text, html } = phrase("<script>\n\u{1b}[2J{{ repo }}");
    assert_eq!(text, r"packages accepted into <script> \u{1b}[2J{{ repo }}");
    assert_eq!(html, r"packages accepted into <em>&lt;script&gt; \u{1b}[2J{{ repo }}</em>");
    let Phrase { text, html } = phrase(&"<".repeat(1 << 20));
    assert!(text.chars().count() <= MAX_TEXT_CHARS && html.len() <= MAX_HTML_BYTES);
}

#[test]
fn events_of_an_unknown_type_are_called_by_their_id() {
    let plural = |id: &str| Catalog::builtin().plural(id, &json!({"suite": "sid"}));
    let phrase = plural("org.example.builder.job-done");
    assert_eq!(phrase.text, "org.example.builder.job-done events");
    assert_eq!(phrase.html, phrase.text);
    let phrase = plural("<b>\n\u{1b}");
    assert_eq!(phrase.text, r"<b> \u{1b} events");
    assert_eq!(phrase.html, r"&lt;b&gt; \u{1b} events");
    assert_eq!(plural("").text, "events");
    assert!(plural(&"x".repeat(1 << 20)).text.ends_with("x… events"));
    let template = "_lk.core.ping plural";
    assert_eq!(plural(template).text, "_lk.core.ping plural events");
}
