//! Commands, right and wrong, and text of people who try what happens.

use jiff::SignedDuration;
use laniakea_catalog::{Catalog, is_hidden};
use serde_json::json;

use super::*;
use crate::source::StreamEvent;

fn parsed(text: &str) -> Command {
    Command::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn problem(text: &str) -> String {
    Command::parse(text).map(|command| format!("{command:?}")).expect_err(text)
}

fn rule_of(text: &str) -> Rule {
    match parsed(text) {
        Command::Subscribe(rule) => *rule,
        other => panic!("no rule: {other:?}"),
    }
}

fn toml(text: &str) -> Rule {
    text.parse().unwrap()
}

#[test]
fn a_command_begins_with_the_name() {
    for (body, command) in [
        ("!mirk", Some("")),
        ("  !mirk  help ", Some("help")),
        ("!mirk\nstatus", Some("status")),
        ("!mirk\u{a0}why", Some("why")),
        ("!mirkwood", None),
        ("!mirk,help", None),
        ("mirk help", None),
        ("please !mirk help", None),
        ("> !mirk help", None),
        ("!MIRK help", None),
        ("", None),
    ] {
        assert_eq!(addressed(body), command, "{body:?}");
    }
}

#[test]
fn every_command_is_understood() {
    assert_eq!(parsed(""), Command::Help);
    assert_eq!(parsed("help"), Command::Help);
    assert_eq!(parsed("help mute"), Command::Help);
    assert_eq!(parsed("status"), Command::Status);
    assert_eq!(parsed("why"), Command::Why);
    assert_eq!(parsed("unmute"), Command::Unmute);
    assert_eq!(parsed("mute"), Command::Mute(SignedDuration::from_hours(1)));
    assert_eq!(parsed("mute   90m "), Command::Mute(SignedDuration::from_mins(90)));
    assert_eq!(parsed("mute 30d"), Command::Mute(LONGEST_MUTE));
    assert_eq!(parsed("last"), Command::Last("*".parse().unwrap()));
    assert_eq!(parsed("last _lk.spears.*"), Command::Last("_lk.spears.*".parse().unwrap()));
    assert_eq!(parsed("find libc++-1.0~rc1"), Command::Find("libc++-1.0~rc1".to_owned()));
    assert_eq!(parsed("unsubscribe all"), Command::Unsubscribe(Which::All));
    assert_eq!(parsed("unsubscribe 3"), Command::Unsubscribe(Which::Number(3)));
    assert_eq!(parsed("unsubscribe #3"), Command::Unsubscribe(Which::Number(3)));
    let rule = Which::Rule(Box::new(toml("{ id = \"_lk.spears.*\" }")));
    assert_eq!(parsed("unsubscribe _lk.spears.*"), Command::Unsubscribe(rule));
}

#[test]
fn what_follows_a_command_that_takes_nothing_is_a_mistake() {
    for text in ["status now", "why not", "unmute please"] {
        assert!(problem(text).contains("!mirk help"), "{}", problem(text));
    }
}

#[test]
fn a_command_that_there_is_not_is_named() {
    for text in ["frobnicate", "Help", "mut", "subscribe-all", "--help"] {
        let problem = problem(text);
        assert!(problem.starts_with(&format!("There is no such command: {text}.")), "{problem}");
    }
}

#[test]
fn a_mute_that_is_none_or_too_long_is_refused() {
    for span in ["31d", "0s", "0m", "1000000d"] {
        problem(&format!("mute {span}"));
    }
    for span in ["2", "h", "two hours", "-1h", "1.5h", "unlimited", "2 h", "99999999999999999999d"]
    {
        let problem = problem(&format!("mute {span}"));
        assert!(problem.starts_with("That does not work: "), "{problem}");
        assert!(problem.contains("such as \"30s\""), "{problem}");
    }
}

#[test]
fn a_subscription_is_a_rule_as_the_configuration_has_it() {
    for (words, rule) in [
        ("_lk.archive.*", "{ id = \"_lk.archive.*\" }"),
        ("*", "{ id = \"*\" }"),
        (
            "_lk.archive.* suite=landing,sid package=gnome-* severity=warning",
            "{ id = \"_lk.archive.*\", severity = \"warning\", \
             facets = { suite = [\"landing\", \"sid\"], package = \"gnome-*\" } }",
        ),
        (
            "_lk.x data.queue=a,b data.deep.er=c=d",
            "{ id = \"_lk.x\", data = { queue = [\"a\", \"b\"], \"deep.er\" = \"c=d\" } }",
        ),
        ("_lk.x suite=sid suite=landing", "{ id = \"_lk.x\", facets = { suite = \"landing\" } }"),
    ] {
        assert_eq!(rule_of(&format!("subscribe {words}")), toml(rule), "{words}");
    }
}

#[test]
fn words_stand_for_booleans_and_numbers_in_the_data() {
    let matches = |words: &str, data: serde_json::Value| {
        let rule = rule_of(&format!("subscribe org.example.* {words}"));
        let event = StreamEvent::example("org.example.thing.happened", &data).unwrap();
        let summary = Catalog::builtin().summary(event.id(), event.data());
        rule.matches(&event.subject(), &summary)
    };
    assert!(matches("data.is_new=true", json!({"is_new": true})));
    assert!(!matches("data.is_new=true", json!({"is_new": false})));
    assert!(matches("data.count=3", json!({"count": 3})));
    assert!(matches("data.name=3", json!({"name": "3"})));
    assert!(!matches("data.count=3", json!({"count": 30})));
}

#[test]
fn a_subscription_that_is_no_rule_is_refused() {
    for words in ["", "suite=landing", "_lk.x suite", "_lk.x and more"] {
        assert!(problem(&format!("subscribe {words}")).starts_with("To what?"), "{words}");
    }
    for words in [
        "[",
        "_lk.x moon=full",
        "_lk.x where=true",
        "_lk.x severity=bad",
        "_lk.x severity=error,warning",
        "_lk.x suite=[",
        "_lk.x =x",
    ] {
        let problem = problem(&format!("subscribe {words}"));
        assert!(problem.starts_with("That does not work: "), "{words}: {problem}");
    }
}

#[test]
fn expressions_are_for_the_configuration_alone() {
    for words in [
        "_lk.x where=true",
        "_lk.x data.where=true\",where=\"true",
        "_lk.x facets.where=true",
        "_lk.x\"},where=\"true",
    ] {
        if let Ok(Command::Subscribe(rule)) = Command::parse(&format!("subscribe {words}")) {
            let event = StreamEvent::example("org.example.thing.happened", &json!({})).unwrap();
            let summary = Catalog::builtin().summary(event.id(), event.data());
            assert!(!rule.matches(&event.subject(), &summary), "{words}");
            assert!(!format!("{rule:?}").contains("expression: Some"), "{words}");
        }
    }
}

#[test]
fn which_rule_is_to_go_has_to_be_said() {
    assert!(problem("unsubscribe").starts_with("From what?"));
    assert!(problem("unsubscribe suite=sid").starts_with("To what?"));
    assert_eq!(parsed("unsubscribe -1"), Command::Unsubscribe(Which::Number(-1)));
    assert!(matches!(
        Command::parse("unsubscribe 99999999999999999999"),
        Ok(Command::Unsubscribe(Which::Rule(_)))
    ));
}

#[test]
fn a_search_for_nothing_is_a_mistake() {
    assert!(problem("find").contains("!mirk find hello"));
    assert!(problem("last [").starts_with("That does not work: "));
    assert!(problem(&format!("last {}", "a".repeat(300))).contains("longer than 256 bytes"));
}

#[test]
fn a_command_that_is_too_long_is_refused_before_it_is_read() {
    assert!(problem(&"x".repeat(2_001)).starts_with("That is too long"));
    assert!(problem(&format!("subscribe {}", "{".repeat(1_990))).len() < 2_500);
}

#[test]
fn what_is_said_back_is_bounded_and_visible() {
    let nasty = [
        "\u{202e}evil",
        "\u{1b}[2J",
        "\0",
        "<b>@room</b>",
        "\u{200b}",
        "ünïcode\u{feff}",
        "{{ 7 * 7 }}",
        "%s%n",
        "'; DROP TABLE entry; --",
    ];
    for nasty in nasty {
        let long = nasty.repeat(100);
        for text in [nasty, &long] {
            for command in ["", "mute ", "subscribe ", "subscribe x ", "unsubscribe ", "last ["] {
                let Err(said) = Command::parse(&format!("{command}{text}")) else { continue };
                assert!(said.chars().count() <= 520, "{said}");
                assert!(!said.chars().any(is_hidden), "{said:?}");
            }
        }
    }
}
