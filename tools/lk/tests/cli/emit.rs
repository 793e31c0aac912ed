//! `lk emit` and `lk status` against a relay.

use insta::assert_snapshot;

use crate::{program::lk_with, relay::Relay};

const PING: &str = "_lk.core.ping";

/// The value behind a name in what was printed.
fn fact(output: &str, name: &str) -> String {
    let line = output.lines().find(|line| line.starts_with(name)).unwrap();
    line[name.len()..].trim().to_owned()
}

#[test]
fn an_event_is_signed_and_taken_once() {
    let relay = Relay::new();
    let arguments = [PING, "node=here", "message=héllo", "--time", "2026-11-23T16:00:00Z"];
    let first = relay.submit("archive-01", &arguments);
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    assert_snapshot!(first);
    assert_snapshot!(relay.submit("archive-01", &arguments));
    assert_snapshot!(relay.submit("archive-01", &[&arguments[..], &["--json"]].concat()));
    assert_eq!(fact(&relay.submit("archive-01", &[PING]).stdout, "seq"), "2");
}

#[test]
fn values_and_names_arrive_as_they_were_given() {
    let relay = Relay::new();
    let run = relay.submit(
        "archive-01",
        &[
            PING,
            "text=1.50",
            "number:=1.50",
            "big:=123456789012345678901234567890",
            r#"list:=[true,null,{"a":1}]"#,
            "--author",
            "ann",
            "--origin",
            "here.example.org",
            "--time",
            "2026-11-23T16:00:00+01:00",
        ],
    );
    assert_eq!(run.code, Some(0), "{run}");
    let frame = relay.last_frame();
    assert!(frame.starts_with(
        r#"{"author":"ann","data":{"big":123456789012345678901234567890,"list":[true,null,{"a":1}],"number":1.5,"text":"1.50"},"format":"1.0","id":"_lk.core.ping","origin":"here.example.org","signatures":"#
    ), "{frame}");
    assert!(frame.contains(r#""time":"2026-11-23T16:00:00+01:00""#), "{frame}");
}

#[test]
fn data_comes_from_an_argument_or_from_stdin() {
    let relay = Relay::new();
    relay.submit("archive-01", &[PING, "--data", r#"{"from":"argument"}"#]);
    assert!(relay.last_frame().contains(r#""data":{"from":"argument"}"#));
    let (key, to) = (relay.secret("archive-01"), relay.submit_endpoint().to_owned());
    let arguments = ["emit", PING, "--key", &key, "--to", &to, "--data", "-"];
    assert_eq!(lk_with(&arguments, br#"{"from":"stdin"}"#).code, Some(0));
    assert!(relay.last_frame().contains(r#""data":{"from":"stdin"}"#));
    assert_eq!(lk_with(&arguments, b"").code, Some(2));
    let long = format!(r#"{{"x":"{}"}}"#, "x".repeat(1 << 20));
    let run = lk_with(&arguments, long.as_bytes());
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("too_large"), "{run}");
}

#[test]
fn each_dialect_has_its_member_names() {
    let relay = Relay::new();
    for (dialect, has_id, has_tag) in
        [("seed", true, false), ("laniakea", false, true), ("both", true, true)]
    {
        let run = relay.submit("archive-01", &[PING, "--dialect", dialect]);
        assert_eq!(run.code, Some(0), "{run}");
        let frame = relay.last_frame();
        assert_eq!(frame.contains(r#""id":"_lk.core.ping""#), has_id, "{dialect}");
        assert_eq!(frame.contains(r#""tag":"_lk.core.ping""#), has_tag, "{dialect}");
        assert_eq!(frame.contains(r#""uuid":""#), has_tag, "{dialect}");
    }
}

#[test]
fn a_rejection_is_told_with_its_reason_and_exits_with_3() {
    let relay = Relay::new();
    assert_snapshot!(relay.submit("stranger-01", &[PING]));
    assert_snapshot!(relay.submit("spears-01", &[PING]));
}

#[test]
fn something_that_is_no_relay_is_not_waited_for_as_if_it_were() {
    let relay = Relay::new();
    let key = relay.secret("archive-01");
    // The replay endpoint answers what it takes for a request.
    let run = crate::program::lk(&[
        "emit",
        PING,
        "--key",
        &key,
        "--to",
        relay.replay_endpoint(),
        "--timeout",
        "1s",
    ]);
    assert_eq!(run.code, Some(4), "{run}");
}

#[test]
fn the_state_of_the_relay_is_shown_with_nothing_hidden_in_it() {
    let relay = Relay::new();
    relay.ping(1, 3);
    assert_snapshot!(relay.ask("status", &[]));
    assert_snapshot!(relay.ask("status", &["--json"]));
    assert!(Relay::new().ask("status", &[]).stdout.contains("\nevents   none\n"));
}
