//! `lk key audit`.

use std::{fs, os::unix::fs::PermissionsExt as _};

use insta::assert_snapshot;

use crate::program::{Directory, Run, vector_keys};

/// A relay's directory in good order.
fn good() -> Directory {
    let directory = Directory::new();
    directory.secret("lighthouse-01");
    for signer in ["archive-01", "spears-01"] {
        let key = vector_keys().join(format!("trusted/{signer}.pub.key"));
        let text = fs::read_to_string(key).unwrap();
        directory.write(&format!("keys/trusted/{signer}.pub.key"), &text);
    }
    write_config(&directory, "spears-01", "\"archive-01\" = [\"_lk.archive.\"]");
    for name in ["archive-01.pub.key", "spears-01.pub.key"] {
        chmod(&directory, &format!("keys/trusted/{name}"), 0o644);
    }
    chmod(&directory, "keys/trusted", 0o755);
    directory
}

fn chmod(directory: &Directory, name: &str, mode: u32) {
    fs::set_permissions(directory.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// The key of archive-01 with these marks.
fn mark(directory: &Directory, marks: &[(&str, &str)]) {
    let key = vector_keys().join("trusted/archive-01.pub.key");
    let mut text = fs::read_to_string(key).unwrap() + "trust\n";
    for (name, time) in marks {
        text.extend(["    ", name, " = \"", time, "\"\n"]);
    }
    directory.write("keys/trusted/archive-01.pub.key", &text);
}

/// So many days from now.
fn in_days(days: i64) -> String {
    let now = laniakea_daemon::Clock::now(&laniakea_daemon::SystemClock);
    (now + jiff::SignedDuration::from_hours(24 * days)).to_string()
}

fn notes(directory: &Directory, notes: &[&str]) {
    let run = audit(directory, &[]);
    assert_eq!(run.code, Some(0), "{run}");
    for note in notes {
        assert!(run.stdout.contains(&format!("note      {note}")), "{note}: {run}");
    }
    assert_eq!(run.lines().len(), 2 + notes.len(), "{run}");
}

fn write_config(directory: &Directory, relay: &str, emit: &str) {
    let root = directory.root();
    let text = format!(
        "[identity]\nkey_file = \"{root}/lighthouse-01.key_secret\"\n\
         [trust]\nkeys_dir = \"{root}/keys/trusted\"\nrelays = [\"{relay}\"]\n\
         [trust.emit]\n{emit}\n"
    );
    directory.write("lighthouse.toml", &text);
}

fn audit(directory: &Directory, more: &[&str]) -> Run {
    let config = directory.text("lighthouse.toml");
    directory.lk(&[&["key", "audit", "--config", &config], more].concat())
}

fn finds(directory: &Directory, findings: &[&str]) {
    let run = audit(directory, &[]);
    assert_eq!(run.code, Some(1), "{run}");
    for finding in findings {
        assert!(run.stdout.contains(finding), "{finding}: {run}");
    }
    assert_eq!(run.lines().len(), 1 + findings.len(), "{run}");
}

#[test]
fn keys_in_good_order_pass() {
    assert_snapshot!(audit(&good(), &[]));
}

#[test]
fn secrets_that_others_can_read_are_found() {
    let directory = good();
    let open = |name: &str, mode| {
        fs::set_permissions(directory.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    open("lighthouse-01.key_secret", 0o640);
    finds(&directory, &["lighthouse-01.key_secret can be read by group or others (mode 0640)"]);
    directory.write("keys/secret/host-archive_private.sec", "");
    open("keys/secret/host-archive_private.sec", 0o604);
    open("lighthouse-01.key_secret", 0o600);
    finds(&directory, &["host-archive_private.sec can be read by group or others (mode 0604)"]);
}

#[test]
fn a_secret_among_the_trusted_keys_is_found() {
    let directory = good();
    let secret = fs::read_to_string(directory.secret("archive-01")).unwrap();
    directory.write("keys/trusted/archive-01.pub.key", &secret);
    finds(&directory, &["archive-01.pub.key is a secret key among the trusted ones"]);
}

#[test]
fn ids_that_do_not_match_are_found() {
    let directory = good();
    write_config(&directory, "spears-1", "\"archive-1\" = [\"_lk.archive.\"]");
    let run = audit(&directory, &[]);
    assert_eq!(run.code, Some(1), "{run}");
    for words in [
        "unknown id  spears-1 in `relays` has no key",
        "unknown id  archive-1 in [trust.emit] has no key",
        "note        archive-01 may connect and emit nothing",
        "note        spears-01 may connect and emit nothing",
    ] {
        assert!(run.stdout.contains(words), "{words}: {run}");
    }
    assert_eq!(run.lines().len(), 5, "{run}");
    assert_snapshot!(audit(&directory, &["--json"]));
}

#[test]
fn a_key_that_only_connects_is_no_finding_and_one_that_does_nothing_is() {
    let directory = good();
    write_config(&directory, "spears-01", "");
    notes(&directory, &["archive-01 may connect and emit nothing"]);
    let key = "keys/trusted/archive-01.pub.key";
    let text = directory.read(key);
    let line = text.lines().find(|line| line.contains("public-key")).unwrap();
    directory.write(key, &text.replace(line, "    public-key = \"\""));
    finds(&directory, &["archive-01 is trusted, has no rights and cannot connect"]);
}

#[test]
fn keys_that_end_are_found_and_those_that_ended_on_purpose_are_noted() {
    let directory = good();
    mark(&directory, &[("valid-until", &in_days(31))]);
    notes(&directory, &[]);
    mark(&directory, &[("valid-until", &in_days(29))]);
    finds(&directory, &["ends soon  key 0 of archive-01 ends at 2"]);
    mark(&directory, &[("valid-until", "2026-01-01T00:00:00Z")]);
    finds(&directory, &["expired  key 0 of archive-01 expired at 2026-01-01T00:00:00Z"]);
    mark(&directory, &[("revoked", "2026-01-01T00:00:00Z")]);
    notes(&directory, &["key 0 of archive-01 was revoked at 2026-01-01T00:00:00Z"]);
    mark(&directory, &[("valid-from", "2999-01-01T00:00:00Z")]);
    notes(&directory, &["key 0 of archive-01 is not valid before 2999-01-01T00:00:00Z"]);

    // With another key that is valid, what ended is only noted.
    let made = directory.text("made");
    fs::create_dir(&made).unwrap();
    directory.lk(&["key", "new", "--id", "archive-01", "--key-id", "1", &made]);
    directory.write("keys/trusted/archive-01-1.pub.key", &directory.read("made/archive-01.key"));
    chmod(&directory, "keys/trusted/archive-01-1.pub.key", 0o644);
    mark(&directory, &[("valid-until", &in_days(7))]);
    notes(&directory, &["key 0 of archive-01 ends at 2"]);
    mark(&directory, &[("valid-until", "2026-01-01T00:00:00Z")]);
    notes(&directory, &["key 0 of archive-01 expired at"]);
}

#[test]
fn directories_and_files_that_others_can_write_are_found() {
    let directory = good();
    chmod(&directory, "keys/trusted", 0o775);
    finds(&directory, &["keys/trusted can be written by group or others (mode 0775)"]);
    chmod(&directory, "keys/trusted", 0o755);
    chmod(&directory, "keys/trusted/archive-01.pub.key", 0o646);
    finds(&directory, &["archive-01.pub.key can be written by group or others (mode 0646)"]);
}

#[test]
fn a_connections_key_of_two_signers_is_found() {
    let directory = good();
    let line =
        |text: &str| text.lines().find(|line| line.contains("public-key")).unwrap().to_owned();
    let archive = directory.read("keys/trusted/archive-01.pub.key");
    let spears = directory.read("keys/trusted/spears-01.pub.key");
    let spears = spears.replace(&line(&spears), &line(&archive));
    directory.write("keys/trusted/spears-01.pub.key", &spears);
    finds(&directory, &["shared CURVE key  archive-01 and spears-01 have one CURVE key"]);
}

#[test]
fn a_signer_that_is_relay_and_source_is_found() {
    let directory = good();
    write_config(
        &directory,
        "spears-01",
        "\"archive-01\" = [\"_lk.archive\"]\n\"spears-01\" = [\"_lk.spears.\"]",
    );
    finds(
        &directory,
        &[
            "spears-01 is listed as a relay and may emit events",
            "archive-01: \"_lk.archive\" is neither a whole event id nor a prefix",
        ],
    );
}

#[test]
fn two_files_of_one_key_id_and_a_damaged_one_are_found() {
    let directory = good();
    let text = directory.read("keys/trusted/spears-01.pub.key");
    directory.write("keys/trusted/again.pub.key", &text);
    directory.write("keys/trusted/damaged.pub.key", "nonsense");
    chmod(&directory, "keys/trusted/again.pub.key", 0o644);
    chmod(&directory, "keys/trusted/damaged.pub.key", 0o644);
    finds(
        &directory,
        &["duplicate id", "damaged.pub.key is malformed", "spears-01 in `relays` has no key"],
    );
}
