//! Rules as text: what is refused, and that what is written can be read.

use laniakea_filter::{InvalidRule, MAX_RULE_BYTES, Rule};
use proptest::prelude::*;

use crate::event::rule;

fn problem(text: &str) -> String {
    match text.parse::<Rule>() {
        Err(error) => error.to_string(),
        Ok(rule) => panic!("{text} is {rule}"),
    }
}

#[test]
fn a_rule_is_shown_as_the_table_that_it_came_from() {
    for text in [
        "{}",
        r#"{ id = "_lk.archive.*", facets = { suite = "landing" } }"#,
        r#"{ id = ["a", "b"], data = { "changes.new" = [1, 2.5, true, "x"] }, severity = "warning" }"#,
        r#"{ where = "data.name == 'x'" }"#,
    ] {
        assert_eq!(rule(text).to_string(), text);
    }
    assert_eq!(rule(r#"{ id = ["a"] }"#).to_string(), r#"{ id = "a" }"#);
    assert_eq!(rule("{ facets = {}, data = {} }"), Rule::default());
}

#[test]
fn a_rule_is_a_table_in_a_file() {
    let text = "id = \"a\"\n[facets]\nsuite = \"sid\"\n[data]\ncount = 3\n";
    let from_file: Rule = toml::from_str(text).unwrap();
    assert_eq!(
        from_file,
        rule(r#"{ id = "a", facets = { suite = "sid" }, data = { count = 3 } }"#)
    );
    let json = serde_json::json!({"id": "a", "facets": {"suite": "sid"}, "data": {"count": 3}});
    assert_eq!(serde_json::from_value::<Rule>(json).unwrap(), from_file);
}

#[test]
fn parts_that_rules_do_not_have_are_refused() {
    assert!(problem(r#"{ ids = "a" }"#).contains("ids"));
    assert!(problem(r#"{ facets = { colour = "a" } }"#).contains("colour"));
    assert!(problem(r#"{ severity = "fatal" }"#).contains("fatal"));
    assert!(problem(r#"{ not = { id = "a" } }"#).contains("not"));
}

#[test]
fn parts_of_a_wrong_type_are_refused() {
    for text in [
        "{ id = 7 }",
        "{ id = true }",
        "{ id = { a = 1 } }",
        "{ id = [\"a\", 7] }",
        "{ facets = \"a\" }",
        "{ facets = { suite = 7 } }",
        "{ data = [] }",
        "{ data = { a = { b = 1 } } }",
        "{ data = { a = [[1]] } }",
        "{ data = { a = 2026-03-01 } }",
        "{ data = { a = nan } }",
        "{ data = { a = inf } }",
        "{ severity = [\"error\"] }",
        "{ where = true }",
        "{ where = [\"true\"] }",
    ] {
        let problem = problem(text);
        assert!(problem.starts_with("no rule: ") && !problem.contains('\n'), "{text}: {problem}");
    }
}

#[test]
fn an_empty_list_is_refused_since_nothing_would_match() {
    for text in ["{ id = [] }", "{ facets = { suite = [] } }", "{ data = { a = [] } }"] {
        assert_eq!(problem(text), "no rule: an empty list of patterns would match nothing");
    }
}

#[test]
fn patterns_and_expressions_that_are_none_are_refused_by_name() {
    assert!(problem(r#"{ id = "[a" }"#).contains(r#""[a" is no pattern"#));
    assert!(problem(r#"{ facets = { suite = "{a" } }"#).contains(r#""{a" is no pattern"#));
    assert!(problem(r#"{ data = { a = ["x", "[a"] } }"#).contains(r#""[a" is no pattern"#));
    assert!(problem(r#"{ where = "dta.x" }"#).contains(r#"there is no "dta""#));
    assert!(problem(r#"{ where = "" }"#).contains("column"));
}

#[test]
fn a_table_where_a_pattern_belongs_gets_a_hint() {
    let error = toml::from_str::<Rule>("[data]\nchanges.new = 1\n").unwrap_err();
    assert!(error.message().contains("write a path in quotes"), "{error}");
}

#[test]
fn a_number_that_no_integer_holds_is_refused() {
    let json = serde_json::json!({"data": {"a": u64::MAX}});
    let error = serde_json::from_value::<Rule>(json).unwrap_err().to_string();
    assert!(error.contains("18446744073709551615 is too large"), "{error}");
}

#[test]
fn what_is_no_inline_table_is_no_rule() {
    for text in [
        "",
        "{",
        "id = \"a\"",
        "\"a\"",
        "7",
        "[]",
        "{ id = \"a\" } x",
        "{ id = \"a\", id = \"b\" }",
    ] {
        assert!(matches!(text.parse::<Rule>(), Err(InvalidRule::Syntax { .. })), "{text}");
    }
}

#[test]
fn a_rule_is_bounded() {
    let list = |length: usize| format!("{{ id = {:?} }}", vec!["a"; length]);
    assert!(list(100).parse::<Rule>().is_ok());
    assert_eq!(problem(&list(101)), "no rule: more than 100 patterns in a list");
    let long = format!("{{ where = \"{}\" }}", " ".repeat(MAX_RULE_BYTES));
    assert_eq!(long.parse::<Rule>(), Err(InvalidRule::Long));
}

/// A TOML value for a pattern.
fn pattern() -> impl Strategy<Value = toml::Value> {
    prop_oneof![
        any::<String>().prop_map(toml::Value::from),
        "[a-z*?\\\\{},\\[\\]\"'\n\u{1b}ä-]{0,12}".prop_map(toml::Value::from),
        any::<i64>().prop_map(toml::Value::from),
        any::<f64>().prop_map(toml::Value::from),
        any::<bool>().prop_map(toml::Value::from),
    ]
}

fn patterns() -> impl Strategy<Value = toml::Value> {
    let list = prop::collection::vec(pattern(), 1..4).prop_map(toml::Value::from);
    prop_oneof![pattern(), list]
}

fn table(
    names: impl Strategy<Value = String>,
    values: impl Strategy<Value = toml::Value>,
) -> impl Strategy<Value = toml::Value> {
    let members = prop::collection::vec((names, values), 0..3);
    members.prop_map(|members| toml::Value::Table(members.into_iter().collect()))
}

fn candidate() -> impl Strategy<Value = toml::Value> {
    let glob = || "[a-z*?.{},é-]{0,9}".prop_map(toml::Value::from);
    let globs =
        prop_oneof![glob(), prop::collection::vec(glob(), 1..4).prop_map(toml::Value::from)];
    let facet = prop::sample::select(vec!["package", "suite", "person"]).prop_map(str::to_owned);
    let severity = prop::sample::select(vec!["info", "success", "warning", "error"]);
    let expression = prop::sample::select(vec!["true", "data.a == '\"\\\\n'", "data.b\n  > 1"]);
    let parts = (
        prop::option::of(globs.clone()),
        prop::option::of(table(facet, glob())),
        prop::option::of(table(any::<String>(), patterns())),
        prop::option::of(severity.prop_map(toml::Value::from)),
        prop::option::of(expression.prop_map(toml::Value::from)),
    );
    parts.prop_map(|(id, facets, data, severity, expression)| {
        let names = ["id", "facets", "data", "severity", "where"];
        let values = [id, facets, data, severity, expression];
        let members = names.into_iter().zip(values);
        let members = members.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        toml::Value::Table(members.collect())
    })
}

proptest! {
    #[test]
    fn every_rule_is_read_again_as_it_was_written(candidate in candidate()) {
        // Not every text is a pattern; those that are none are other tests' matter.
        if let Ok(rule) = candidate.try_into::<Rule>() {
            let text = rule.to_string();
            prop_assert_eq!(text.parse::<Rule>(), Ok(rule), "{}", text);
        }
    }

    #[test]
    fn no_text_makes_reading_a_rule_panic(text in any::<String>()) {
        let _ = text.parse::<Rule>();
    }
}
