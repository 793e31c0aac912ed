//! Why an event is not meant.

use crate::event::{Event, rule};

fn why_not(text: &str) -> String {
    Event::built().why_not(&rule(text)).expect("a rule that does not match")
}

#[test]
fn what_the_event_has_and_what_the_rule_wants_are_said() {
    for (rule, sentence) in [
        (
            r#"{ id = "_lk.jobs.*" }"#,
            r#"the id is "_lk.archive.package-build-failed", and the rule wants "_lk.jobs.*""#,
        ),
        (
            r#"{ facets = { suite = ["sid", "trixie"] } }"#,
            r#"the suite is "landing", and the rule wants ["sid", "trixie"]"#,
        ),
        (r#"{ facets = { person = "*" } }"#, r#"the person is absent, and the rule wants "*""#),
        (
            r#"{ data = { version = "46*" } }"#,
            r#"data.version is "47.1-1", and the rule wants "46*""#,
        ),
        ("{ data = { count = 4 } }", "data.count is 3, and the rule wants 4"),
        ("{ data = { count = 4.5 } }", "data.count is 3, and the rule wants 4.5"),
        ("{ data = { done = false } }", "data.done is true, and the rule wants false"),
        ("{ data = { tags = 9 } }", "data.tags is a list of 6, and the rule wants 9"),
        ("{ data = { nothing = 9 } }", "data.nothing is null, and the rule wants 9"),
        ("{ data = { changes = 9 } }", "data.changes is an object, and the rule wants 9"),
        (r#"{ data = { "x.y" = 9 } }"#, "data.x.y is absent, and the rule wants 9"),
        (r#"{ where = "data.count > 9" }"#, "the expression is not true of it: data.count > 9"),
    ] {
        assert_eq!(why_not(rule), sentence);
    }
    let ping = Event::new("_lk.core.ping", "{}");
    assert_eq!(
        ping.why_not(&rule(r#"{ severity = "warning" }"#)).as_deref(),
        Some("the severity is info, and the rule wants warning or worse")
    );
}

#[test]
fn only_the_first_part_that_does_not_match_is_named() {
    let text = r#"{ id = "_lk.archive.*", facets = { suite = "sid" }, data = { count = 9 } }"#;
    assert!(why_not(text).starts_with("the suite is"), "{}", why_not(text));
}

#[test]
fn an_event_that_is_meant_needs_no_reason() {
    assert_eq!(Event::built().why_not(&rule(r#"{ id = "_lk.*" }"#)), None);
}

#[test]
fn only_the_first_values_of_a_facet_are_named() {
    let suites = (0..64).map(|number| format!("\"s{number}\"")).collect::<Vec<_>>().join(",");
    let event = Event::new(
        "_lk.archive.source-package-published",
        &format!(r#"{{"name": "hello", "suites": [{suites}]}}"#),
    );
    assert_eq!(
        event.why_not(&rule(r#"{ facets = { suite = "sid" } }"#)).as_deref(),
        Some(r#"the suite is "s0", "s1", "s2", "s3", 60 more, and the rule wants "sid""#)
    );
}
