//! `lk key trust`: what it writes, and that it writes nothing when it refuses.

use std::fs;

use insta::assert_snapshot;

use crate::{
    program::mode,
    site::{CONFIG, Site, public},
};

#[test]
fn a_trusted_key_is_a_file_and_a_line_and_everything_else_stays() {
    let site = Site::new();
    let run = site.trust(
        &public("spears-01"),
        &["--id", "spears-01", "--emit", "_lk.spears.", "--emit", "org.example.a.b"],
    );
    assert_snapshot!(run);
    let line = "spears-01 = [\"_lk.spears.\", \"org.example.a.b\"]\n";
    assert_eq!(site.config(), CONFIG.replace("\n[journal]", &format!("{line}\n[journal]")));
    assert_eq!(mode(&site.directory.path("trusted/spears-01.pub.key")), 0o644);
    assert_eq!(site.files().len(), 1);
}

#[test]
fn of_a_secret_key_only_the_public_half_is_copied() {
    let site = Site::new();
    let secret = site.directory.secret("spears-01");
    assert_eq!(site.trust(&secret, &["--id", "spears-01"]).code, Some(0));
    let trusted = site.directory.read("trusted/spears-01.pub.key");
    assert!(trusted.contains("verify-key"));
    assert!(!trusted.contains("signing-key") && !trusted.contains("secret-key"));
}

#[test]
fn rights_that_stand_there_already_are_kept_and_shown() {
    let site = Site::new();
    let run = site.trust(&public("archive-01"), &["--id", "archive-01"]);
    assert!(run.stdout.contains("may emit     _lk.archive.\n"), "{run}");
    assert_eq!(site.config(), CONFIG);
}

#[test]
fn a_key_without_rights_is_trusted_and_said_to_have_none() {
    let site = Site::new();
    let run = site.trust(&public("spears-01"), &["--id", "spears-01"]);
    assert!(run.stdout.contains("may emit     nothing\n"), "{run}");
    assert_eq!(site.config(), CONFIG);
}

#[test]
fn a_relay_is_listed_as_one() {
    let site = Site::new();
    assert_eq!(site.trust(&public("spears-01"), &["--id", "spears-01", "--relay"]).code, Some(0));
    assert_eq!(site.config(), CONFIG.replace("relays = []", "relays = [\"spears-01\"]"));
}

#[test]
fn another_id_than_that_in_the_file_is_refused() {
    let reason = "is the key of stranger-01, not of archive-01";
    Site::new().refuses(&public("stranger-01"), &["--id", "archive-01"], reason);
}

#[test]
fn a_signer_that_is_known_is_refused() {
    let site = Site::new();
    let spears = public("spears-01");
    site.trust(&spears, &["--id", "spears-01"]);
    site.refuses(&spears, &["--id", "spears-01", "--emit", "_lk."], "spears-01 is trusted already");
    let text = fs::read_to_string(&spears).unwrap();
    let second = site.directory.write("second", &format!("{text}    key-id = \"1\"\n"));
    site.refuses(&second, &["--id", "spears-01"], "spears-01 is trusted already");
    let renamed =
        site.directory.write("renamed", &text.replace("id = \"spears-01\"", "id = \"spears-02\""));
    site.refuses(&renamed, &["--id", "spears-02"], "trusted already, as that of spears-01");
}

#[test]
fn the_relays_own_key_is_refused_under_any_name() {
    let site = Site::new();
    let own = public("lighthouse-01");
    site.refuses(&own, &["--id", "lighthouse-01"], "lighthouse-01 is the daemon's own key");
    let text =
        fs::read_to_string(&own).unwrap().replace("id = \"lighthouse-01\"", "id = \"other\"");
    site.refuses(&site.directory.write("other", &text), &["--id", "other"], "the daemon's own key");
    let text = fs::read_to_string(public("spears-01")).unwrap();
    let forged =
        site.directory.write("forged", &text.replace("\"spears-01\"", "\"lighthouse-01\""));
    site.refuses(&forged, &["--id", "lighthouse-01"], "the daemon's own key");
}

#[test]
fn weak_keys_and_files_that_are_no_keys_are_refused_by_name() {
    let site = Site::new();
    let text = fs::read_to_string(public("spears-01")).unwrap();
    let (start, _) = text.split_once("verify-key").unwrap();
    // Points of the curve, computed apart from the library that judges them here.
    for (key, reason) in [
        ("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "is weak: it is of small order"),
        ("7P///////////////////////////////////////38", "is weak: it is of small order"),
        ("xxdqcD1N2E+6PAt2DRBnDyogU/osOczGTsf9d5KsA3o", "is weak: it is of small order"),
        ("QKTPXGEdc3ovHG/MqE2cq/7YCYfxhqWmxX5im/8a8n8", "is of mixed order"),
        ("/q+dB7hozFJ4YwUxLDdlY8YisDhqENEF48FQGyjWX34", "is of mixed order"),
        ("7v///////////////////////////////////////38", "is not in canonical form"),
        ("8P///////////////////////////////////////38", "is not in canonical form"),
        ("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA", "is not in canonical form"),
        ("AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "is no point of the curve"),
        ("AAAA", "is not the base64 of 32 bytes"),
    ] {
        let file = site.directory.write("weak", &format!("{start}verify-key = \"{key}\"\n"));
        let reason = format!("the verify key {reason}");
        site.refuses(&file, &["--id", "spears-01"], &reason);
        site.refuses(&file, &["--id", "spears-01", "--rotate"], &reason);
    }
    site.refuses("/nonexistent", &["--id", "spears-01"], "could not read the key file");
}

#[test]
fn a_key_is_trusted_for_a_time() {
    let site = Site::new();
    let spears = public("spears-01");
    for (marks, reason) in [
        (&["--valid-until", "2000-01-01T00:00:00Z"][..], "would never be valid"),
        (
            &["--valid-from", "2999-01-01T00:00:00Z", "--valid-until", "2999-01-01T00:00:00Z"],
            "would never be valid",
        ),
        (&["--valid-from", "tomorrow"], "write a time such as"),
        (&["--valid-until", "2999-01-01T00:00:00"], "write a time such as"),
    ] {
        site.refuses(&spears, &[&["--id", "spears-01"], marks].concat(), reason);
    }
    let marks =
        ["--valid-from", "2026-11-01T01:00:00+01:00", "--valid-until", "2999-01-01T00:00:00Z"];
    let run = site.trust(&spears, &[&["--id", "spears-01"], &marks[..]].concat());
    assert_eq!(run.code, Some(0), "{run}");
    let text = site.directory.read("trusted/spears-01.pub.key");
    let section = "trust\n    valid-from = \"2026-11-01T00:00:00Z\"\n    \
        valid-until = \"2999-01-01T00:00:00Z\"\n";
    assert!(text.ends_with(section), "{text}");
    let shown =
        site.directory.lk(&["key", "show", &site.directory.text("trusted/spears-01.pub.key")]);
    assert!(shown.stdout.contains("valid from   2026-11-01T00:00:00Z\n"), "{shown}");
    assert!(shown.stdout.contains("valid until  2999-01-01T00:00:00Z\n"), "{shown}");
}

#[test]
fn marks_that_a_stranger_wrote_into_the_file_are_not_taken_over() {
    let site = Site::new();
    let text = fs::read_to_string(public("spears-01")).unwrap();
    let text = format!("{text}trust\n    valid-from = \"2000-01-01T00:00:00Z\"\n");
    let file = site.directory.write("marked", &text);
    assert_eq!(site.trust(&file, &["--id", "spears-01"]).code, Some(0));
    assert!(!site.directory.read("trusted/spears-01.pub.key").contains("trust\n"));
}

#[test]
fn a_connections_key_of_another_signer_is_refused() {
    let site = Site::new();
    let text = fs::read_to_string(public("spears-01")).unwrap();
    assert_eq!(site.trust(&public("archive-01"), &["--id", "archive-01"]).code, Some(0));
    let line =
        |text: &str| text.lines().find(|line| line.contains("public-key")).unwrap().to_owned();
    let archive = line(&fs::read_to_string(public("archive-01")).unwrap());
    let file = site.directory.write("shared", &text.replace(&line(&text), &archive));
    site.refuses(&file, &["--id", "spears-01"], "its CURVE key is that of archive-01 already");
}

#[test]
fn rights_that_say_more_than_they_mean_are_refused() {
    for rule in ["", "_lk", "_lk.archive", "*", "_lk.*"] {
        let reason = "neither a whole event id nor a prefix";
        Site::new().refuses(&public("spears-01"), &["--id", "spears-01", "--emit", rule], reason);
    }
}

#[test]
fn a_relay_never_emits() {
    let site = Site::new();
    let spears = public("spears-01");
    site.refuses(
        &spears,
        &["--id", "spears-01", "--relay", "--emit", "_lk."],
        "cannot be used with",
    );
    let archive = public("archive-01");
    site.refuses(&archive, &["--id", "archive-01", "--relay"], "a relay is never a source");
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused() {
    for (text, reason) in [
        ("", "missing field `trust`"),
        ("[trust]\nkeys_dir = \"/nonexistent\"\n", "could not read /nonexistent"),
        ("[trust]\nkeys_dir = \"/nonexistent\"\nemmit = 1\n", "unknown field `emmit`"),
        ("[trust\n", "is wrong"),
    ] {
        let site = Site::new();
        site.directory.write("lighthouse.toml", text);
        site.refuses(&public("spears-01"), &["--id", "spears-01"], reason);
    }
}
