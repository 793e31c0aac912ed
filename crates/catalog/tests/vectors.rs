//! The events of the shared test vectors, as the relay's own parser reads them.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]

use std::path::Path;

use laniakea_catalog::{Catalog, Facet, MAX_HTML_BYTES, MAX_TEXT_CHARS, Summary};
use laniakea_event::{Limits, Value};

/// The summaries of all vectors that can be parsed as events, with their names.
fn summaries() -> Vec<(String, Summary)> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/events/laniakea.json");
    let file = std::fs::read_to_string(path).expect("the vectors are part of the repository");
    let file: serde_json::Value = serde_json::from_str(&file).expect("vectors are JSON");
    let cases = file["cases"].as_array().expect("there are cases").iter();
    cases
        .filter_map(|case| {
            let wire = case["wire"].as_str()?;
            let event = Value::parse(wire.as_bytes(), &Limits::SUBMISSION).ok()?;
            let id = event.get("tag")?.as_str()?;
            let summary = Catalog::builtin().summary(id, event.get("data")?);
            Some((case["name"].as_str()?.to_owned(), summary))
        })
        .collect()
}

fn summary_of(name: &str) -> Summary {
    let mut summaries = summaries().into_iter();
    summaries.find(|(found, _)| found == name).expect("a vector has this name").1
}

#[test]
fn every_vector_gets_one_bounded_line_without_hidden_characters_or_foreign_markup() {
    let summaries = summaries();
    assert!(summaries.len() > 50, "only {} vectors were read", summaries.len());
    for (name, Summary { text, html, .. }) in summaries {
        assert!(text.chars().count() <= MAX_TEXT_CHARS, "{name}: {text}");
        assert!(html.len() <= MAX_HTML_BYTES, "{name}: {html}");
        for line in [&text, &html] {
            assert!(!line.chars().any(char::is_control), "{name}: {line:?}");
            assert!(!line.contains('\u{202e}'), "{name}: {line:?}");
        }
        let tags = ["<b>", "</b>", "<em>", "</em>", "<code>", "</code>"];
        let rest = tags.iter().fold(html.clone(), |html, tag| html.replace(tag, ""));
        assert!(!rest.contains(['<', '>']), "{name}: {html}");
    }
}

#[test]
fn hostile_vectors_read_as_what_they_are() {
    let names =
        ["valid_realistic", "hostile_html_matrix", "hostile_ansi", "hostile_python_format_string"];
    let shown = names.map(|name| {
        let Summary { text, html, .. } = summary_of(name);
        format!("{name}\n  {text}\n  {html}\n")
    });
    insta::assert_snapshot!("hostile_vectors", shown.concat());
}

#[test]
fn numbers_beyond_64_bits_are_shown_as_they_are() {
    let digits = "123456789012345678901234567890";
    let data = format!(r#"{{"pkgname": "hello", "version": {digits}}}"#);
    let data = Value::parse(data.as_bytes(), &Limits::SUBMISSION).unwrap();
    let summary = Catalog::builtin().summary("_lk.archive.package-build-success", &data);
    assert_eq!(summary.text, format!("hello {digits} built for ? in ?"));
    assert_eq!(summary.facets.first(Facet::Version), Some(digits));
}
