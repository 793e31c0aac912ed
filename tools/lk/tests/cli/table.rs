//! `--config`: events are believed by a whole trust table.

use std::fs;

use crate::{
    program::{Run, command, lk_with, trusted_keys},
    relay::Relay,
};

/// A configuration that trusts the relay and lets archive-01 emit what is below `_lk.core.`.
fn config(relay: &Relay) -> String {
    config_with(relay, &trusted_keys(), "[\"lighthouse-01\"]", "")
}

fn config_with(relay: &Relay, keys: &str, relays: &str, more: &str) -> String {
    let file = relay.file("sink.toml");
    let text = format!(
        "data_dir = \"elsewhere\"\n[trust]\nkeys_dir = \"{keys}\"\nrelays = {relays}\n\
         [trust.emit]\n\"archive-01\" = [\"_lk.core.\"]\n{more}"
    );
    fs::write(&file, text).unwrap();
    file
}

/// The trusted keys in a directory of their own, that of archive-01 with this mark.
fn keys_with(relay: &Relay, mark: &str) -> String {
    let keys = relay.file("keys");
    fs::create_dir_all(&keys).unwrap();
    for signer in ["archive-01", "lighthouse-01", "spears-01"] {
        let file = format!("{signer}.pub.key");
        let mut text = fs::read_to_string(format!("{}/{file}", trusted_keys())).unwrap();
        if signer == "archive-01" {
            text.extend(["trust\n    ", mark, "\n"]);
        }
        fs::write(format!("{keys}/{file}"), text).unwrap();
    }
    keys
}

fn history(relay: &Relay, option: &str, value: &str) -> Run {
    relay.ask("history", &[option, value])
}

fn verify(event: &str, more: &[&str]) -> Run {
    lk_with(&[&["verify"], more].concat(), event.as_bytes())
}

#[test]
fn only_what_a_source_may_emit_is_verified() {
    let relay = Relay::new();
    let config = config(&relay);
    relay.ping(1, 1);
    relay.emit("_lk.archive.x", "{}");
    let run = history(&relay, "--config", &config);
    assert_eq!(run.lines().len(), 1, "{run}");
    assert!(run.stdout.contains("  archive-01  ping from here: 1"), "{run}");
    assert!(run.stderr.contains("not_authorised: archive-01, lighthouse-01 may not emit"), "{run}");
    // The keys alone say who signed and no more.
    assert_eq!(history(&relay, "--keys", &trusted_keys()).lines().len(), 2);
    let run = relay.follow("listen", &["--after", "0", "--count", "1", "--config", &config]);
    assert!(run.stdout.contains("  archive-01  ping from here: 1"), "{run}");
}

#[test]
fn verify_names_the_sources_that_may_emit_the_event() {
    let relay = Relay::new();
    let config = config(&relay);
    relay.ping(1, 1);
    let event = relay.last_frame();
    let run = verify(&event, &["--config", &config]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("signed by    lighthouse-01, key 0\n"), "{run}");
    assert!(run.stdout.contains("may emit it  archive-01\n"), "{run}");
    let run = verify(&event, &["--config", &config, "--json"]);
    let sources = "\"sources\": [\n    \"archive-01\"\n  ]";
    assert!(run.stdout.contains(sources), "{run}");
    let run = verify(&event, &["--keys", &trusted_keys(), "--json"]);
    assert!(run.code == Some(0) && !run.stdout.contains("sources"), "{run}");
    relay.emit("_lk.archive.x", "{}");
    let run = verify(&relay.last_frame(), &["--config", &config]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("not_authorised"), "{run}");
}

#[test]
fn it_is_one_or_the_other_and_the_command_line_goes_before_the_environment() {
    let relay = Relay::new();
    let config = config(&relay);
    relay.ping(1, 1);
    let both = ["--config", &config, "--keys", &trusted_keys()];
    for command in ["listen", "history"] {
        let run = relay.ask(command, &both);
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains("cannot be used with"), "{run}");
    }
    let run = verify(&relay.last_frame(), &[]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("Give --keys DIR or --config FILE"), "{run}");
    let with = |keys: &str, more: &[&str]| {
        let arguments = [&["history", "--replay", relay.replay_endpoint()], more].concat();
        let output = command(&arguments).env("LK_KEYS", keys).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(with("/nonexistent", &[]).0, Some(2));
    assert_eq!(with("/nonexistent", &["--config", &config]).0, Some(0));
    assert!(with(&trusted_keys(), &[]).1.contains("  archive-01  "));
    assert!(with("", &[]).1.contains("  unverified  "));
}

#[test]
fn a_key_that_was_revoked_since_counts_for_what_the_relay_took_before() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let event = relay.last_frame();
    for (mark, relays, verdict) in [
        ("revoked = \"2999-01-01T00:00:00Z\"", "[\"lighthouse-01\"]", None),
        ("valid-until = \"NOW\"", "[\"lighthouse-01\"]", None),
        ("revoked = \"NOW\"", "[\"lighthouse-01\"]", None),
        ("revoked = \"NOW\"", "[]", Some("no trusted relay signed the event")),
        (
            "revoked = \"2026-01-01T00:00:00Z\"",
            "[\"lighthouse-01\"]",
            Some("was revoked at 2026-01-01T00:00:00Z, and the event was taken at 2"),
        ),
        (
            "valid-from = \"2999-01-01T00:00:00Z\"",
            "[\"lighthouse-01\"]",
            Some("is not valid before 2999-01-01T00:00:00Z"),
        ),
    ] {
        let now = laniakea_daemon::Clock::now(&laniakea_daemon::SystemClock).to_string();
        let keys = keys_with(&relay, &mark.replace("NOW", &now));
        let config = config_with(&relay, &keys, relays, "");
        let run = verify(&event, &["--config", &config]);
        assert_eq!(run.code, Some(i32::from(verdict.is_some())), "{mark}: {run}");
        assert!(verdict.is_none_or(|words| run.stderr.contains(words)), "{mark}: {run}");
        let run = history(&relay, "--config", &config);
        assert_eq!(run.lines().len(), usize::from(verdict.is_none()), "{mark}: {run}");
        // Without a table there is no relay that could stand for anything: the relay's own
        // signature is one of a key in the directory, and that is all it is.
        let run = verify(&event, &["--keys", &keys, "--signer", "archive-01"]);
        let is_valid = mark.contains("revoked = \"2999");
        assert_eq!(run.code == Some(0), is_valid, "{mark}: {run}");
    }
}

#[test]
fn the_relays_own_configuration_trusts_the_relay_as_a_relay() {
    let relay = Relay::new();
    relay.ping(1, 1);
    let now = laniakea_daemon::Clock::now(&laniakea_daemon::SystemClock).to_string();
    let keys = keys_with(&relay, &format!("revoked = \"{now}\""));
    fs::remove_file(format!("{keys}/lighthouse-01.pub.key")).unwrap();
    let own = relay.secret("lighthouse-01");
    let identity = format!("[identity]\nkey_file = \"{own}\"\n");
    let config = config_with(&relay, &keys, "[]", &identity);
    let run = verify(&relay.last_frame(), &["--config", &config]);
    assert_eq!(run.code, Some(0), "{run}");
    fs::remove_file(&own).unwrap();
    let run = verify(&relay.last_frame(), &["--config", &config]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("have expired or been revoked will not verify"), "{run}");
}
