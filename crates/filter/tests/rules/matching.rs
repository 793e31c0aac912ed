//! What matches, and what does not.

use laniakea_event::Value;
use laniakea_filter::{Rule, Subject};

use crate::event::{BUILT, Event, rule};

fn assert_match(rules: &[&str]) {
    for text in rules {
        assert!(Event::built().is_meant_by(&rule(text)), "{text}");
    }
}

fn assert_no_match(rules: &[&str]) {
    for text in rules {
        assert!(!Event::built().is_meant_by(&rule(text)), "{text}");
    }
}

#[test]
fn a_rule_without_parts_matches_everything() {
    assert!(Event::built().is_meant_by(&Rule::default()));
    assert!(Event::new("", "null").is_meant_by(&rule("{}")));
    assert!(Event::new("org.example.x", "{}").is_meant_by(&rule("{ facets = {}, data = {} }")));
}

#[test]
fn the_id_matches_by_pattern() {
    assert_match(&[
        r#"{ id = "_lk.archive.package-build-failed" }"#,
        r#"{ id = "_lk.archive.*" }"#,
        r#"{ id = "*-failed" }"#,
        r#"{ id = ["_lk.jobs.*", "_lk.archive.*"] }"#,
        r#"{ id = "*" }"#,
    ]);
    assert_no_match(&[
        r#"{ id = "_lk.archive" }"#,
        r#"{ id = "_lk.archive." }"#,
        r#"{ id = "archive.*" }"#,
        r#"{ id = ["_lk.jobs.*", "_lk.core.*"] }"#,
        r#"{ id = "" }"#,
    ]);
}

#[test]
fn a_facet_matches_however_the_module_spells_it() {
    assert_match(&[
        r#"{ facets = { package = "gnome-*" } }"#,
        r#"{ facets = { package = "gnome-shell", suite = ["byzantium", "landing"] } }"#,
        r#"{ facets = { architecture = "{amd64,arm64}" } }"#,
    ]);
    assert_no_match(&[
        r#"{ facets = { package = "gnome" } }"#,
        r#"{ facets = { package = "gnome-shell", suite = "byzantium" } }"#,
        r#"{ facets = { person = "*" } }"#,
        r#"{ facets = { job = "" } }"#,
    ]);
}

#[test]
fn one_of_several_values_of_a_facet_is_enough() {
    let data = r#"{"suites": ["landing", "byzantium"], "name": "hello"}"#;
    let event = Event::new("_lk.archive.source-package-published", data);
    assert!(event.is_meant_by(&rule(r#"{ facets = { suite = "byzantium" } }"#)));
    assert!(event.is_meant_by(&rule(r#"{ facets = { suite = ["x", "landing"] } }"#)));
    assert!(!event.is_meant_by(&rule(r#"{ facets = { suite = "landing, byzantium" } }"#)));
}

#[test]
fn a_member_matches_by_its_text_whatever_its_type() {
    assert_match(&[
        r#"{ data = { version = "47.*" } }"#,
        r#"{ data = { version = ["46.*", "47.*"] } }"#,
        r#"{ data = { count = "3" } }"#,
        r#"{ data = { count = "?" } }"#,
        r#"{ data = { ratio = "0.5" } }"#,
        r#"{ data = { done = "true" } }"#,
        r#"{ data = { big = "123456789012345678901234567890" } }"#,
    ]);
    assert_no_match(&[
        r#"{ data = { version = "47" } }"#,
        r#"{ data = { count = "3.0" } }"#,
        r#"{ data = { done = "True" } }"#,
        r#"{ data = { done = "1" } }"#,
        r#"{ data = { big = "1*1" } }"#,
    ]);
}

#[test]
fn a_number_matches_the_same_number_and_no_text_of_it() {
    assert_match(&[
        "{ data = { count = 3 } }",
        "{ data = { count = 3.0 } }",
        "{ data = { count = [1, 2, 3] } }",
        "{ data = { whole = 4 } }",
        "{ data = { ratio = 0.5 } }",
        "{ data = { ratio = 5e-1 } }",
        "{ data = { minus = 0 } }",
        "{ data = { minus = 0.0 } }",
        r#"{ data = { count = ["x", true, 3] } }"#,
    ]);
    assert_no_match(&[
        "{ data = { count = 4 } }",
        "{ data = { count = -3 } }",
        "{ data = { count = 3.1 } }",
        "{ data = { ratio = 0 } }",
        "{ data = { ratio = 1 } }",
        "{ data = { version = 47 } }",
        "{ data = { done = 1 } }",
        "{ data = { pkgname = 0 } }",
        "{ data = { big = 9223372036854775807 } }",
    ]);
}

#[test]
fn integers_are_compared_exactly_beyond_what_doubles_can_tell_apart() {
    assert_match(&[
        "{ data = { exact = 9007199254740993 } }",
        "{ data = { double = 9007199254740992 } }",
    ]);
    assert_no_match(&[
        "{ data = { exact = 9007199254740992 } }",
        "{ data = { double = 9007199254740993 } }",
    ]);
    let event = Event::new("x", r#"{"n": -9223372036854775809, "m": -9223372036854775808}"#);
    assert!(!event.is_meant_by(&rule("{ data = { n = -9223372036854775808 } }")));
    assert!(event.is_meant_by(&rule("{ data = { m = -9223372036854775808 } }")));
}

#[test]
fn a_boolean_matches_the_same_boolean_and_nothing_like_it() {
    assert_match(&["{ data = { done = true } }", "{ data = { done = [false, true] } }"]);
    assert_no_match(&[
        "{ data = { done = false } }",
        "{ data = { count = true } }",
        "{ data = { pkgname = true } }",
        "{ data = { nothing = false } }",
        "{ data = { missing = false } }",
    ]);
}

#[test]
fn one_item_of_a_list_is_enough() {
    assert_match(&[
        r#"{ data = { tags = "a/?" } }"#,
        "{ data = { tags = 7 } }",
        r#"{ data = { tags = "7" } }"#,
        "{ data = { tags = false } }",
    ]);
    assert_no_match(&[
        r#"{ data = { tags = "deep" } }"#,
        r#"{ data = { tags = "null" } }"#,
        r#"{ data = { tags = "er" } }"#,
        "{ data = { tags = 1 } }",
        r#"{ data = { none = "*" } }"#,
    ]);
}

#[test]
fn what_is_absent_or_null_or_an_object_matches_nothing() {
    assert_no_match(&[
        r#"{ data = { missing = "*" } }"#,
        r#"{ data = { nothing = "*" } }"#,
        r#"{ data = { nothing = "null" } }"#,
        r#"{ data = { changes = "*" } }"#,
        r#"{ data = { "" = "*" } }"#,
        r#"{ data = { "." = "*" } }"#,
        r#"{ data = { "pkgname.x" = "*" } }"#,
        r#"{ data = { "tags.0" = "*" } }"#,
    ]);
    for data in ["null", "[]", "7", r#""pkgname""#, r#"["pkgname"]"#] {
        let event = Event::new("_lk.archive.package-build-failed", data);
        assert!(!event.is_meant_by(&rule(r#"{ data = { pkgname = "*" } }"#)), "{data}");
    }
}

#[test]
fn a_path_leads_into_objects_unless_a_member_has_that_very_name() {
    assert_match(&[
        r#"{ data = { "changes.by.who" = "ann" } }"#,
        r#"{ data = { "changes.new" = "literal" } }"#,
    ]);
    assert_no_match(&[
        r#"{ data = { "changes.by" = "ann" } }"#,
        r#"{ data = { "changes.old" = "*" } }"#,
        r#"{ data = { "changes.new" = 2 } }"#,
        r#"{ data = { "a.b" = 1 } }"#,
    ]);
}

#[test]
fn a_severity_is_that_or_worse() {
    for severity in ["info", "success", "warning", "error"] {
        assert_match(&[&format!("{{ severity = {severity:?} }}")]);
    }
    let waiting = Event::new("_lk.archive.package-build-depwait", "{}");
    assert!(waiting.is_meant_by(&rule(r#"{ severity = "warning" }"#)));
    assert!(!waiting.is_meant_by(&rule(r#"{ severity = "error" }"#)));
    let unknown = Event::new("org.example.x", "{}");
    assert!(!unknown.is_meant_by(&rule(r#"{ severity = "success" }"#)));
}

#[test]
fn an_expression_matches_if_it_is_true() {
    assert_match(&[
        r#"{ where = "data.count > 2 && 'archive-01' in signers" }"#,
        r#"{ where = "event.data.pkgname == 'gnome-shell'" }"#,
    ]);
    assert_no_match(&[
        r#"{ where = "data.count > 3" }"#,
        r#"{ where = "data.missing == 1" }"#,
        r#"{ where = "data.missing != 1" }"#,
        r#"{ where = "data.pkgname > 5" }"#,
        r#"{ where = "data.pkgname" }"#,
        r#"{ where = "1" }"#,
    ]);
}

#[test]
fn every_part_has_to_match() {
    let event = Event::new("_lk.archive.package-build-depwait", BUILT);
    let parts = [
        (r#"id = "_lk.archive.*""#, r#"id = "_lk.jobs.*""#),
        (r#"facets = { suite = "landing" }"#, r#"facets = { suite = "sid" }"#),
        ("data = { count = 3, done = true }", "data = { count = 3, done = false }"),
        (r#"severity = "warning""#, r#"severity = "error""#),
        (r#"where = "data.done""#, r#"where = "!data.done""#),
    ];
    let with_wrong = |wrong: Option<usize>| {
        let parts = parts.iter().enumerate();
        let parts = parts.map(|(place, (good, bad))| if wrong == Some(place) { bad } else { good });
        rule(&format!("{{ {} }}", parts.copied().collect::<Vec<_>>().join(", ")))
    };
    assert!(event.is_meant_by(&with_wrong(None)));
    for (place, (_, bad)) in parts.iter().enumerate() {
        assert!(!event.is_meant_by(&with_wrong(Some(place))), "{bad}");
    }
}

#[test]
fn an_event_without_data_matches_no_pattern_for_it() {
    let covered = laniakea_event::Object::new();
    let subject = Subject::new("x", &covered, b"{}", []);
    assert_eq!(subject.data(), &Value::Null);
    let summary = Event::new("x", "{}").summary();
    assert!(!rule(r#"{ data = { a = "*" } }"#).matches(&subject, &summary));
    assert!(!rule(r#"{ where = "has(data.a)" }"#).matches(&subject, &summary));
    assert!(rule(r#"{ id = "x" }"#).matches(&subject, &summary));
}
