//! Which of many rules an event may match at all.

use laniakea_filter::Index;

use crate::event::{BUILT, Event, rule};

fn index(rules: &[&str]) -> Index {
    let mut index = Index::default();
    for (number, text) in rules.iter().enumerate() {
        index.insert(&rule(text), number);
    }
    index
}

fn candidates(index: &Index, event: &Event) -> Vec<usize> {
    index.candidates(&event.subject(), &event.summary()).into_iter().collect()
}

#[test]
fn rules_of_other_ids_are_not_looked_at() {
    let index = index(&[
        r#"{ id = "_lk.archive.package-upload-accepted" }"#,
        r#"{ id = "_lk.archive.*" }"#,
        r#"{ id = "*" }"#,
        r#"{ id = "?lk.jobs.*" }"#,
        r#"{ id = ["_lk.jobs.job-{assigned,finished}", "_lk.[ab]*"] }"#,
        r#"{ id = ["_lk.jobs.*", "_lk.jobs.job-*"] }"#,
        r"{ id = '_lk.jo\bs.*' }",
        r#"{ id = "org.example.other.*" }"#,
        "{}",
    ]);
    for (id, wanted) in [
        ("_lk.archive.package-upload-accepted", [0, 1, 2, 3, 4, 8].as_slice()),
        ("_lk.jobs.job-finished", &[2, 3, 4, 5, 6, 8]),
        ("_lk.spears.new-excuse", &[2, 3, 4, 8]),
        ("org.example.other.x", &[2, 3, 7, 8]),
        ("org.example.x.y", &[2, 3, 8]),
        ("ä", &[2, 3, 8]),
        ("", &[2, 3, 8]),
    ] {
        assert_eq!(candidates(&index, &Event::new(id, "{}")), wanted, "{id}");
    }
    assert_eq!(candidates(&Index::default(), &Event::built()), [] as [usize; 0]);
}

#[test]
fn rules_that_demand_another_text_are_not_looked_at() {
    let index = index(&[
        r#"{ data = { pkgname = "gnome-shell" } }"#,
        r#"{ data = { pkgname = "bash" } }"#,
        r#"{ data = { pkgname = ["bash", "gnome-shell"] } }"#,
        r#"{ data = { count = "3" }, where = "data.pkgname == 'bash'" }"#,
        r#"{ data = { done = "true" } }"#,
        r#"{ data = { tags = "a/b" } }"#,
        r#"{ data = { tags = "deep" } }"#,
        r#"{ data = { "changes.by.who" = "ann" } }"#,
        r#"{ data = { "changes.by.who" = "bob" } }"#,
        r#"{ data = { "changes.new" = "literal" } }"#,
        r#"{ data = { absent = "x" } }"#,
        r#"{ facets = { suite = "landing" } }"#,
        r#"{ facets = { suite = "sid" } }"#,
        r#"{ facets = { person = "ann" } }"#,
        r#"{ where = "data.repo == 'master'" }"#,
        r#"{ where = "'master' == data.repo && data.count > 5" }"#,
        r#"{ where = "data.count > 5 && (data.repo == 'other' && true)" }"#,
    ]);
    assert_eq!(candidates(&index, &Event::built()), [0, 2, 3, 4, 5, 7, 9, 11, 14, 15]);
    assert_eq!(candidates(&index, &Event::new("x", "null")), [] as [usize; 0]);
}

/// Whoever does not demand one text may mean any.
#[test]
fn rules_that_leave_it_open_are_looked_at() {
    let rules = [
        r#"{ data = { pkgname = "b*" } }"#,
        r#"{ data = { pkgname = ["bash", "z*"] } }"#,
        "{ data = { count = 4 } }",
        "{ data = { done = false } }",
        r#"{ facets = { suite = "{sid,trixie}" } }"#,
        r#"{ severity = "error" }"#,
        r#"{ where = "data.repo == 'other' || data.count == 3" }"#,
        r#"{ where = "!(data.repo == 'other')" }"#,
        r#"{ where = "data.repo != 'other'" }"#,
        r#"{ where = "data.repo == data.suite" }"#,
        r#"{ where = "data.count == 4" }"#,
        r#"{ where = "data.changes.by == 'x'" }"#,
        r#"{ where = "event.data.repo == 'other'" }"#,
        r#"{ where = "has(data.repo) == false" }"#,
        r#"{ where = "['a'].exists(data, data == 'a')" }"#,
    ];
    let all: Vec<usize> = (0..rules.len()).collect();
    assert_eq!(candidates(&index(&rules), &Event::built()), all);
}

#[test]
fn of_a_thousand_rules_an_event_meets_its_own() {
    let mut index = Index::default();
    for number in 0..1_000 {
        let text = format!(r#"{{ id = "_lk.archive.*", data = {{ repo = "r{number}" }} }}"#);
        index.insert(&rule(&text), number);
    }
    let event = Event::new("_lk.archive.x", &BUILT.replace("\"master\"", "\"r77\""));
    assert_eq!(candidates(&index, &event), [77]);
}
