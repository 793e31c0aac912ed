//! `lk sign`, `lk verify`.

use insta::assert_snapshot;

use crate::program::{Directory, lk, lk_with, trusted_keys};

const EVENT: &str = r#"{ "id": "_lk.archive.package-upload-accepted", "format": "1.0",
    "time": "2026-11-23T16:00:00+01:00", "more": [1, 2.50, 123456789012345678901234567890],
    "data": {"name": "Grüße"}, "origin": "archive.example.org" }"#;

/// Today's Python modules write this.
const TAGGED: &str = r#"{"tag":"_lk.archive.package-upload-accepted","format":"1.0",
    "uuid":"1a8d1a9e-15a0-11f1-9d3a-0242ac120002","time":"2026-03-01T12:00:00.123456","data":{}}"#;

fn sign(signer: &str, event: &str) -> String {
    let directory = Directory::new();
    let run = lk_with(&["sign", "--key", &directory.secret(signer)], event.as_bytes());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.stdout
}

fn verify(event: &str, more: &[&str]) -> crate::program::Run {
    let keys = trusted_keys();
    lk_with(&[&["verify", "--keys", &keys], more].concat(), event.as_bytes())
}

#[test]
fn an_event_is_signed_in_canonical_form_with_every_member_kept() {
    assert_snapshot!(sign("archive-01", EVENT));
}

#[test]
fn an_event_of_the_old_dialect_is_signed_as_it_is() {
    assert_snapshot!(sign("archive-01", TAGGED));
}

#[test]
fn a_second_signature_stands_beside_the_first() {
    let twice = sign("spears-01", &sign("archive-01", EVENT));
    assert_snapshot!(verify(&twice, &[]));
    assert_snapshot!(verify(&twice, &["--json"]));
    assert_eq!(verify(&twice, &["--signer", "spears-01"]).code, Some(0));
    assert_eq!(verify(&twice, &["--signer", "archive-01"]).code, Some(0));
}

#[test]
fn a_signer_that_did_not_sign_is_not_found_among_those_that_did() {
    let event = sign("archive-01", EVENT);
    assert_snapshot!(verify(&event, &["--signer", "spears-01"]));
    assert_snapshot!(verify(&event, &["--signer", "spears-01", "--json"]));
}

#[test]
fn a_changed_event_is_not_valid() {
    let event = sign("archive-01", EVENT).replace("Grüße", "Grüsse");
    assert_snapshot!(verify(&event, &[]));
}

#[test]
fn a_key_that_is_not_trusted_makes_no_event_valid() {
    assert_snapshot!(verify(&sign("stranger-01", EVENT), &[]));
}

#[test]
fn what_is_no_event_is_neither_signed_nor_valid() {
    let directory = Directory::new();
    let key = directory.secret("archive-01");
    let sign = |event: &str| lk_with(&["sign", "--key", &key], event.as_bytes());
    for (event, reason) in [
        ("", "bad_json"),
        ("5", "not_an_object"),
        ("{}", "missing_field"),
        (r#"{"id":"a.b.c","id":"a.b.c"}"#, "duplicate_key"),
        (&EVENT.replace("+01:00", ""), "bad_field"),
        (&EVENT.replace("1.0", "2.0"), "unsupported_format"),
        (&format!("{EVENT}{EVENT}"), "bad_json"),
    ] {
        for run in [sign(event), verify(event, &[])] {
            assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{event}");
            assert!(run.stderr.contains(&format!(": {reason}: ")), "{}", run.stderr);
        }
    }
}

#[test]
fn an_event_without_signatures_is_not_valid() {
    assert!(verify(EVENT, &[]).stderr.contains("not_signed"));
    assert!(
        verify(&EVENT.replacen('{', r#"{"signatures":{},"#, 1), &[]).stderr.contains("not_signed")
    );
}

#[test]
fn a_secret_key_that_others_can_read_signs_nothing() {
    let directory = Directory::new();
    let key = directory.secret("archive-01");
    let text = directory.read("archive-01.key_secret");
    let open = directory.write("open.key_secret", &text);
    assert_eq!(lk_with(&["sign", "--key", &key], EVENT.as_bytes()).code, Some(0));
    let run = lk_with(&["sign", "--key", &open], EVENT.as_bytes());
    assert_snapshot!(run.without(directory.root(), "[DIR]"));
}

#[test]
fn keys_that_cannot_be_used_are_an_error_and_not_no_keys() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path("empty")).unwrap();
    directory.write("damaged/a.pub.key", "metadata\n    id = \"a\"\n");
    for (keys, reason) in [
        ("absent", "could not read the key directory"),
        ("empty", "holds no keys"),
        ("damaged", "`ed/verify-key` is missing"),
    ] {
        let run = lk(&["verify", "--keys", &directory.text(keys)]);
        assert_eq!(run.code, Some(2), "{keys}");
        assert!(run.stderr.contains(reason), "{}", run.stderr);
    }
}
