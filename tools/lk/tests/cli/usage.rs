//! What is typed wrong, the help, the catalogue and the completions.

use insta::assert_snapshot;

use crate::program::{Directory, lk};

#[test]
fn the_help_says_what_there_is() {
    assert_snapshot!(lk(&["--help"]));
}

#[test]
fn what_is_typed_wrong_is_named_and_exits_with_2() {
    let directory = Directory::new();
    let key = directory.secret("archive-01");
    let emit = |more: &[&str]| lk(&[&["emit", "--key", &key], more].concat());
    for (run, message) in [
        (lk(&[]), "Usage: lk"),
        (lk(&["listen", "_lk.archive"]), "neither a prefix that ends in `.` nor a whole event id"),
        (lk(&["listen", "--where", "data.name =="]), "invalid value 'data.name ==' for '--where"),
        (lk(&["listen", "--where", "dta.name == 'x'"]), "there is no \"dta\""),
        (lk(&["listen", "--since", "yesterday"]), "write a time such as"),
        (lk(&["listen", "--after", "1", "--since", "1h"]), "cannot be used with"),
        (lk(&["listen", "--count", "0"]), "invalid value '0'"),
        (
            lk(&["listen", "--from", "nonsense", "--replay", "nonsense"]),
            "could not connect to nonsense",
        ),
        (lk(&["listen", "--from", "ipc:///x", "--after", "0"]), "give --replay"),
        (lk(&["on", "_lk.", "--", "true"]), "--cursor <FILE>"),
        (lk(&["on", "_lk.", "--cursor", "c"]), "COMMAND"),
        (lk(&["on", "--cursor", "c", "--", "true"]), "PREFIX"),
        (lk(&["history", "--limit", "0"]), "invalid value '0'"),
        (lk(&["history", "--timeout", "0s"]), "write a number and s, m, h or d"),
        (emit(&["two.labels"]), "three or more labels"),
        (emit(&["a.b.c", "novalue"]), "write KEY=VALUE"),
        (emit(&["a.b.c", "n:=x"]), "what follows := is no JSON"),
        (emit(&["a.b.c", "n=1", "n=2"]), "\"n\" is given twice"),
        (emit(&["a.b.c", "n=1", "--data", "{}"]), "cannot be used with"),
        (emit(&["a.b.c", "--data", "[]"]), "the data must be a JSON object, not an array"),
        (emit(&["a.b.c", "--data", "{"]), "the data cannot be used: bad_json"),
        (
            emit(&["a.b.c", "--author", "a\u{7}b"]),
            "`author` is longer than 255 bytes or has control",
        ),
        (emit(&["a.b.c", "--time", "noon"]), "`time` is not of the form"),
        (emit(&["a.b.c", "--time", "2026-11-23T16:00:00"]), "`time` has no offset"),
        (emit(&["a.b.c", "--dialect", "french"]), "a dialect is `seed`, `laniakea` or `both`"),
        (emit(&["a.b.c", "--to", "nonsense"]), "could not connect to nonsense"),
        (
            lk(&["emit", "a.b.c", "--key", "/nonexistent"]),
            "could not read the key file /nonexistent",
        ),
    ] {
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{run}");
        assert!(run.stderr.contains(message), "{message}: {run}");
    }
}

#[test]
fn a_relay_that_is_not_there_exits_with_4() {
    let directory = Directory::new();
    let key = directory.secret("archive-01");
    // Port 1 is reserved, and nobody listens on it.
    let nowhere = "tcp://127.0.0.1:1";
    assert_snapshot!(lk(&["emit", "a.b.c", "--key", &key, "--to", nowhere, "--timeout", "1s"]));
    assert_snapshot!(lk(&["status", "--replay", nowhere, "--timeout", "1s"]));
    assert_eq!(lk(&["history", "--replay", nowhere, "--timeout", "1s"]).code, Some(4));
}

#[test]
fn an_error_cannot_forge_lines_or_move_the_cursor() {
    let run = lk(&["key", "show", "/nonexistent\nerror: all is well\u{1b}[2J\u{202e}"]);
    assert_eq!(run.code, Some(2));
    assert_snapshot!(run.stderr);
}

#[test]
fn the_catalogue_is_listed_and_described() {
    let list = lk(&["types"]);
    assert_eq!(list.code, Some(0));
    let ids = list.stdout.matches("\n  _lk.").count();
    assert!(ids > 30, "{ids}");
    let below = lk(&["types", "_lk.core."]);
    assert!(below.stdout.contains("_lk.core.ping") && !below.stdout.contains("_lk.archive"));
    assert_snapshot!(lk(&["types", "_lk.core.ping"]));
    let schema = lk(&["types", "_lk.core.ping", "--schema"]).stdout;
    assert!(schema.contains("\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""));
    let json = lk(&["types", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), ids);
}

#[test]
fn a_type_that_nobody_knows_is_an_error() {
    assert_snapshot!(lk(&["types", "_lk.core.pong"]));
    assert_eq!(lk(&["types", "_lk.cor"]).code, Some(1));
    assert_eq!(lk(&["types", "nobody."]).code, Some(1));
    assert_eq!(lk(&["types", "_lk.core.", "--schema"]).code, Some(2));
}

#[test]
fn there_are_completions_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let run = lk(&["completions", shell]);
        assert_eq!(run.code, Some(0));
        assert!(run.stdout.contains("history"), "{shell}");
    }
    assert_eq!(lk(&["completions", "sh"]).code, Some(2));
}
