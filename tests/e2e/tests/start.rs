//! What the relay says when it cannot start: exit 2, what is wrong, and what to do.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use laniakea_e2e::{Module, Relay, RunningRelay, Signal, binary};

fn relay() -> RunningRelay {
    let mut relay = Relay::new().trust(&Module::new("archive-01"), &["_lk.archive."]).run();
    assert!(relay.stop(Signal::TERM).success());
    relay
}

fn lighthouse(arguments: &[&str]) -> Output {
    Command::new(binary("lighthouse")).args(arguments).env_remove("RUST_LOG").output().unwrap()
}

fn fault(command: &str, config: &Path) -> String {
    let output = lighthouse(&[command, "--config", config.to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    stderr
}

#[test]
fn an_absent_configuration_is_named_with_a_hint() {
    let error = fault("run", Path::new("/nonexistent/lighthouse.toml"));
    assert!(
        error.contains(
            "could not read the configuration /nonexistent/lighthouse.toml: No such file"
        )
    );
    assert!(error.contains("hint: `lighthouse init DIR`"), "{error}");
}

#[test]
fn a_wrong_configuration_is_named_with_line_and_key() {
    let relay = relay();
    let config = relay.directory().join("lighthouse.toml");
    let good = fs::read_to_string(&config).unwrap();
    for (text, message) in [
        (good.replace("data_dir", "datadir"), "unknown field `datadir`"),
        (good.replace("[limits]", "[limits]\nmax_age = \"soon\""), "\"soon\" is no duration"),
        (good.replace("_lk.archive.", "_lk.archive"), "neither a whole event id nor a prefix"),
        (format!("{good}\n[http]\nlisten = \"127.0.0.1:0\"\n"), "[http] is not available"),
    ] {
        fs::write(&config, text).unwrap();
        for command in ["run", "check"] {
            let error = fault(command, &config);
            assert!(error.contains(message), "{error}");
        }
    }
}

#[test]
fn keys_that_must_not_be_used_stop_the_start() {
    let relay = relay();
    let directory = relay.directory();
    let config = directory.join("lighthouse.toml");
    let secret = directory.join("relay.key_secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        fault("run", &config).contains("can be read by group or others (mode 0644): chmod 600 it")
    );
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();

    let trusted = directory.join("trusted");
    fs::write(trusted.join("junk.pub.key"), "junk").unwrap();
    let error = fault("run", &config);
    assert!(error.contains("junk.pub.key is malformed: `metadata/id` is missing"), "{error}");
    fs::remove_file(trusted.join("junk.pub.key")).unwrap();

    fs::copy(trusted.join("archive-01.pub.key"), trusted.join("copy.pub.key")).unwrap();
    assert!(fault("run", &config).contains("neither is trusted"));
    for name in ["archive-01.pub.key", "copy.pub.key"] {
        fs::remove_file(trusted.join(name)).unwrap();
    }
    let error = fault("run", &config);
    assert!(error.contains("holds no keys") && error.contains("hint: make a key"), "{error}");
}

#[test]
fn an_upstream_that_cannot_be_followed_is_named_with_what_to_do() {
    let relay = relay();
    let config = relay.directory().join("lighthouse.toml");
    let good = fs::read_to_string(&config).unwrap();
    let internal = Module::new("internal");
    let with = |entry: &str| {
        let entry = format!("[[upstream]]\npublish = \"tcp://127.0.0.1:9\"\n{entry}\n");
        let relays = "[trust]\nrelays = [\"internal\", \"lighthouse-test\"]\n";
        let trusting = good.replace("[trust]\n", relays);
        fs::write(&config, format!("{trusting}\n{entry}")).unwrap();
        ["run", "check"].map(|command| fault(command, &config))
    };
    let says = |entry: &str, message: &str| {
        for error in with(entry) {
            assert!(error.contains(message), "{error}");
        }
    };
    says("signer = \"internal\"", "`lk key trust FILE --id internal --relay`");
    says("signer = \"lighthouse-test\"", "\"lighthouse-test\" is this relay itself");
    says("signer = \"archive-01\"", "is no relay: add it to relays in [trust]");
    internal.publish_key(&relay.directory().join("trusted"));
    says("signer = \"internal\"\nserver_key = \"x\"", "\"internal\" is wrong: server_key: ");
    let curve = Module::with_curve("internal");
    let server_key = curve.curve_key().unwrap();
    says(
        &format!("signer = \"internal\"\nserver_key = {server_key:?}"),
        "\"internal\" is encrypted and needs CURVE keys",
    );
    // What can be followed is checked, named and not begun.
    let entry = "[[upstream]]\npublish = \"tcp://127.0.0.1:9\"\nsigner = \"internal\"\n";
    let trusting = good.replace("[trust]\n", "[trust]\nrelays = [\"internal\"]\n");
    fs::write(&config, format!("{trusting}\n{entry}")).unwrap();
    let output = lighthouse(&["check", "--config", config.to_str().unwrap()]);
    let facts = String::from_utf8(output.stdout).unwrap();
    assert!(facts.contains("follows       internal tcp://127.0.0.1:9\n"), "{facts}");
    assert!(!relay.directory().join("data/upstream").exists());
}

#[test]
fn a_journal_of_something_else_is_refused_and_left_alone() {
    let relay = relay();
    let journal = relay.directory().join("data/journal.sqlite");
    fs::remove_dir_all(relay.directory().join("data")).unwrap();
    fs::create_dir(relay.directory().join("data")).unwrap();
    let text =
        "somebody's diary, and surely longer than the header of any database file there is\n"
            .repeat(20);
    fs::write(&journal, &text).unwrap();
    let error = fault("run", &relay.directory().join("lighthouse.toml"));
    assert!(error.contains("journal.sqlite"), "{error}");
    assert_eq!(fs::read_to_string(&journal).unwrap(), text);
}

#[test]
fn a_port_or_journal_that_is_taken_is_named() {
    let mut relay = relay();
    relay.start();
    let config = relay.directory().join("lighthouse.toml");
    let error = fault("run", &config);
    assert!(error.contains("journal.sqlite"), "{error}");

    let other = Relay::new().trust(&Module::new("archive-01"), &["_lk.archive."]).run();
    let endpoint = other.endpoints().submit.clone();
    let mut relay = relay;
    assert!(relay.stop(Signal::TERM).success());
    let text = fs::read_to_string(&config).unwrap().replace(&relay.endpoints().submit, &endpoint);
    fs::write(&config, text).unwrap();
    let error = fault("run", &config);
    assert!(
        error.contains(&format!("could not bind {endpoint}: Address already in use")),
        "{error}"
    );
}

#[test]
fn what_init_makes_runs_once_somebody_is_trusted() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("relay");
    let path = directory.to_str().unwrap();
    let output = lighthouse(&["init", path, "--id", "lighthouse-9"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("Made the relay lighthouse-9") && text.contains("lk key trust"),
        "{text}"
    );
    let secret = directory.join("keys/secret/relay.key_secret");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let config = directory.join("lighthouse.toml");
    assert!(fault("check", &config).contains("holds no keys"));
    let again = lighthouse(&["init", path]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("could not create"), "{again:?}");

    Module::new("archive-01").publish_key(&directory.join("keys/trusted"));
    let output = lighthouse(&["check", "--config", config.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let facts = String::from_utf8(output.stdout).unwrap();
    assert!(facts.contains("lighthouse-9") && facts.contains("(will be made)"), "{facts}");
    assert!(!directory.join("data/journal.sqlite").exists(), "check changes nothing");
}
