//! No event can make a template fail, and nothing in an event gets out of its place.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::*;
use crate::field::Kind;
use crate::plural::plural_name;

/// Values of every type, hostile ones among them.
fn zoo() -> Vec<Json> {
    vec![
        Json::Null,
        json!(true),
        json!(-7),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
        json!("  \n"),
        json!("-"),
        json!("<script>alert('x')</script>\"&lt;"),
        json!("{{ name }}{% raw %}"),
        json!("a\nb\r\u{1b}[2J\u{202e}\u{0}c\u{2028}d"),
        json!("@room"),
        json!("x".repeat(1 << 20)),
        json!("<".repeat(2000)),
        json!([]),
        json!(["a", null, ["<i>"], {"b": 1}, 7]),
        json!(vec!["<very-long>".repeat(50); 500]),
        json!({}),
        json!({"new": "<b>", "upgraded": [1], "removed": {"deep": {"er": 1}}}),
    ]
}

/// The example of an entry with one member replaced.
fn with(entry: &Entry, name: &str, value: Json) -> Json {
    let mut data = entry.example();
    data[name] = value;
    data
}

fn assert_is_sound(text: &str, html: &str, case: &str) {
    assert!(!text.is_empty(), "{case}: empty");
    assert!(text.chars().count() <= MAX_TEXT_CHARS, "{case}: {text}");
    assert!(html.len() <= MAX_HTML_BYTES, "{case}: {html}");
    for line in [text, html] {
        assert!(!line.chars().any(char::is_control), "{case}: {line:?}");
        assert!(!line.contains(['\u{202e}', '\u{2028}']), "{case}: {line:?}");
    }
    assert_eq!(text.trim(), text, "{case}");
    assert!(!text.contains("  "), "{case}: {text:?}");
    assert_markup_is_ours(html, case);
}

/// Takes the permitted tags off in pairs; what is left must hold no markup.
fn assert_markup_is_ours(html: &str, case: &str) {
    let mut rest = html.to_owned();
    for tag in ["b", "em", "code"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        assert_eq!(rest.matches(&open).count(), rest.matches(&close).count(), "{case}: {html}");
        rest = rest.replace(&open, "").replace(&close, "");
    }
    assert!(!rest.contains(['<', '>', '"', '\'']), "{case}: {html}");
    for entity in rest.split('&').skip(1) {
        assert!(entity.split_once(';').is_some_and(|(name, _)| name.len() <= 5), "{case}: {html}");
    }
}

/// Renders and demands that the type's own templates did it, not the fallback.
fn assert_renders(entry: &Entry, data: &Json, case: &str) {
    let catalog = Catalog::builtin();
    let summary = catalog.summary(&entry.id, data);
    let plural = catalog.plural(&entry.id, data);
    let plural_name = plural_name(&entry.id);
    for (name, shown) in
        [(&entry.id, (summary.text, summary.html)), (&plural_name, (plural.text, plural.html))]
    {
        let rendered = catalog.render(name, entry, &Value::from(Serde(data)));
        let rendered = rendered.unwrap_or_else(|error| panic!("{name}, {case}: {error}"));
        assert_eq!(shown, rendered);
        assert!(!shown.0.starts_with(&entry.id));
        assert_is_sound(&shown.0, &shown.1, &format!("{name}, {case}"));
    }
}

#[test]
fn every_type_renders_with_all_fields_and_with_as_few_as_are_valid() {
    for entry in Catalog::builtin().entries() {
        for (example, case) in [(entry.example(), "full"), (entry.bare_example(), "bare")] {
            assert_renders(entry, &example, case);
            let text = Catalog::builtin().summary(&entry.id, &example).text;
            assert!(!text.contains('?'), "{}: a valid event lacks something: {text}", entry.id);
        }
    }
}

#[test]
fn every_type_renders_without_any_of_its_fields() {
    for entry in Catalog::builtin().entries() {
        for field in &entry.fields {
            let mut data = entry.example.clone();
            data.remove(&field.name);
            assert_renders(entry, &Json::Object(data), &format!("without {}", field.name));
        }
    }
}

#[test]
fn every_type_renders_with_any_of_its_fields_hostile_or_of_a_wrong_type() {
    for entry in Catalog::builtin().entries() {
        for field in &entry.fields {
            for (number, value) in zoo().into_iter().enumerate() {
                let case = format!("{} as number {number} of the zoo", field.name);
                assert_renders(entry, &with(entry, &field.name, value), &case);
            }
        }
    }
}

#[test]
fn every_type_renders_with_all_of_its_fields_hostile_or_of_a_wrong_type() {
    for entry in Catalog::builtin().entries() {
        for (number, value) in zoo().into_iter().enumerate() {
            let names = entry.fields.iter().map(|field| field.name.clone());
            let data: Map<String, Json> = names.map(|name| (name, value.clone())).collect();
            assert_renders(entry, &Json::Object(data), &format!("number {number} of the zoo"));
        }
    }
}

#[test]
fn every_choice_renders_in_every_combination() {
    for entry in Catalog::builtin().entries() {
        for (field, values) in choices(entry) {
            for value in values {
                let mut full = entry.example();
                let mut bare = entry.bare_example();
                full[&field] = json!(value);
                bare[&field] = json!(value);
                assert_renders(entry, &full, &value);
                assert_renders(entry, &bare, &value);
            }
        }
    }
}

fn choices(entry: &Entry) -> BTreeMap<String, Vec<String>> {
    let fields = entry.fields.iter();
    let choices = fields.filter_map(|field| match field.kind() {
        Kind::Choice(values) => Some((field.name.clone(), values.clone())),
        _ => None,
    });
    choices.collect()
}

#[test]
fn data_that_is_no_object_still_gets_a_summary() {
    for entry in Catalog::builtin().entries() {
        for data in zoo() {
            assert_renders(entry, &data, "no object");
        }
    }
}

#[test]
fn an_unknown_type_gets_a_bounded_summary_whatever_its_data() {
    let catalog = Catalog::builtin();
    for value in zoo() {
        let members = json!({"<a>\n": value, "b": value, "suite": value, "c": {"d": value}});
        for data in [members, value] {
            for id in ["org.example.builder.job-done", "", "<b>\n\u{1b}", &"x".repeat(1 << 20)] {
                let summary = catalog.summary(id, &data);
                if !id.is_empty() {
                    assert_is_sound(&summary.text, &summary.html, id);
                }
                assert!(summary.html.len() <= MAX_HTML_BYTES);
            }
        }
    }
}

#[test]
fn a_template_that_fails_gives_what_an_unknown_type_gets() {
    let file = r#"
        module = "x"
        doc = "x"
        [field]
        a = { type = "string", doc = "x" }
        [[event]]
        id = "org.example.x"
        doc = "x"
        severity = "warning"
        summary = "{% if a == 'boom' %}{{ a - 1 }}{% else %}fine{% endif %}"
        plural = "{% if a == 'boom' %}{{ a - 1 }}{% elif a != 'nothing' %}fine things{% endif %}"
        fields = ["a"]
        example = { a = "x" }
    "#;
    let catalog = Catalog::from_toml([("x.toml", file)]).unwrap();
    assert_eq!(catalog.summary("org.example.x", &json!({"a": "b"})).text, "fine");
    let summary = catalog.summary("org.example.x", &json!({"a": "boom"}));
    assert_eq!(summary.text, "org.example.x: a=boom");
    assert_eq!(summary.severity, crate::Severity::Warning);
    let plural = |a: &str| catalog.plural("org.example.x", &json!({"a": a})).text;
    assert_eq!(plural("b"), "fine things");
    assert_eq!(plural("boom"), "org.example.x events");
    assert_eq!(plural("nothing"), "org.example.x events");
}
