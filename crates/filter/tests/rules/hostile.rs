//! Events that mean harm.

use laniakea_catalog::is_hidden;
use laniakea_filter::Rule;

use crate::event::{Event, rule};

/// More than any sentence needs.
const MAX_SENTENCE: usize = 4096;

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}

#[test]
fn text_of_an_event_cannot_pass_for_ours() {
    for (text, shown) in [
        ("a\u{1b}[2J\nb\u{202e}", r#""a\u{1b}[2J\u{a}b\u{202e}""#),
        ("\u{2028}x", r#""\u{2028}x""#),
        ("a\", and the rule wants \"b", r#""a\", and the rule wants \"b""#),
        (r"a\", r#""a\\""#),
    ] {
        let event = Event::new("x", &format!(r#"{{"a": {}}}"#, quoted(text)));
        let sentence = event.why_not(&rule(r#"{ data = { a = "z" } }"#)).unwrap();
        assert_eq!(sentence, format!(r#"data.a is {shown}, and the rule wants "z""#));
    }
}

#[test]
fn a_reason_is_bounded_and_shows_nothing_hidden_whatever_the_event_holds() {
    let long = quoted(&"\u{1b}\u{202e}\"\\<".repeat(10_000));
    let digits = "9".repeat(1_000);
    let data = format!(r#"{{"name": {long}, "number": {digits}, "list": [{long}]}}"#);
    let event = Event::new(&"\u{1b}x".repeat(1_000), &data);
    let path = "\u{1b}p".repeat(1_000);
    for text in [
        r#"{ id = "a" }"#.to_owned(),
        r#"{ facets = { package = "a" } }"#.to_owned(),
        r#"{ data = { name = "a" } }"#.to_owned(),
        "{ data = { number = 1 } }".to_owned(),
        r#"{ data = { list = "a" } }"#.to_owned(),
        format!("{{ data = {{ {} = 1 }} }}", quoted(&path)),
        format!("{{ data = {{ name = {:?} }} }}", ["z".repeat(200).as_str(); 70]),
        format!("{{ where = \"data.name == '{}'\" }}", "z".repeat(5_000)),
    ] {
        let sentence = event.why_not(&rule(&text)).expect("no match");
        assert!(sentence.len() < MAX_SENTENCE, "{sentence}");
        assert!(!sentence.chars().any(is_hidden), "{sentence:?}");
    }
}

/// The library falls back to its slowest way for patterns like these. Were the text not bounded,
/// the time that a test may take would be over.
#[test]
fn no_text_makes_a_pattern_take_long() {
    let items = vec![quoted(&"ab".repeat(1 << 17)); 4].join(",");
    let event = Event::new("x", &format!(r#"{{"a": [{items}]}}"#));
    let wanted =
        |end: &str| rule(&format!(r#"{{ data = {{ a = "*a{}{end}" }} }}"#, "?".repeat(200)));
    assert!(event.is_meant_by(&wanted("b")));
    assert!(!event.is_meant_by(&wanted("c")));
}

#[test]
fn text_beyond_what_is_looked_at_matches_nothing() {
    let event = |length: usize| Event::new("x", &format!(r#"{{"a": "{}"}}"#, "a".repeat(length)));
    let any = rule(r#"{ data = { a = "*" } }"#);
    assert!(event(1 << 18).is_meant_by(&any));
    assert!(!event((1 << 18) + 1).is_meant_by(&any));
    let items = vec![format!("\"{}\"", "a".repeat(1 << 16)); 4].join(",");
    let list = |last: &str| Event::new("x", &format!(r#"{{"a": [{items}, {last}]}}"#));
    assert!(list("7").is_meant_by(&rule("{ data = { a = 7 } }")));
    assert!(!list(r#""z""#).is_meant_by(&rule(r#"{ data = { a = "z" } }"#)));
}

#[test]
fn what_is_said_about_a_bad_rule_is_bounded_and_shows_nothing_hidden() {
    let name = "\u{1b}\u{202e}\n".repeat(2_000);
    for text in [
        format!("{{ {} = 1 }}", quoted(&name)),
        format!("{{ id = {} }}", quoted(&name)),
        format!("{{ where = {} }}", quoted(&format!("x{name}"))),
        format!("{{ facets = {{ {} = 1 }} }}", quoted(&name)),
        format!("{{ {name}"),
    ] {
        let problem = text.parse::<Rule>().unwrap_err().to_string();
        assert!(problem.len() < MAX_SENTENCE && !problem.chars().any(is_hidden), "{problem:?}");
    }
}

#[test]
fn names_of_members_are_only_names() {
    let event = Event::new("x", r#"{"*": "a", "[": "b", "a": {"": {"": "c"}}}"#);
    assert!(event.is_meant_by(&rule(r#"{ data = { "*" = "a", "[" = "b", "a.." = "c" } }"#)));
    assert!(!event.is_meant_by(&rule(r#"{ data = { "?" = "a" } }"#)));
}

#[test]
fn deep_paths_and_deep_events_are_harmless() {
    let depth = 90;
    let data = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let event = Event::new("x", &data);
    let path = |length: usize| vec!["a"; length].join(".");
    assert!(event.is_meant_by(&rule(&format!("{{ data = {{ \"{}\" = 1 }} }}", path(depth)))));
    assert!(!event.is_meant_by(&rule(&format!("{{ data = {{ \"{}\" = 1 }} }}", path(5_000)))));
}
