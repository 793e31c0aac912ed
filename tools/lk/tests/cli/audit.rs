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
    directory
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
    finds(
        &directory,
        &[
            "archive-01 is trusted and has no rights",
            "spears-01 is trusted and has no rights",
            "spears-1 in `relays` has no key",
            "archive-1 in [trust.emit] has no key",
        ],
    );
    assert_snapshot!(audit(&directory, &["--json"]));
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
    finds(
        &directory,
        &["duplicate id", "damaged.pub.key is malformed", "spears-01 in `relays` has no key"],
    );
}
