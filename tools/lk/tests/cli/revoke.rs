//! `lk key revoke`.

use std::fs;

use crate::{
    program::mode,
    site::{Site, public},
};

/// A site that trusts two keys of archive-01 and one of spears-01, whose files somebody annotated.
fn site() -> Site {
    let site = Site::new();
    for signer in ["archive-01", "spears-01"] {
        assert_eq!(site.trust(&public(signer), &["--id", signer]).code, Some(0));
    }
    let second = site.new_key("archive-01", "1");
    let rotate = ["--id", "archive-01", "--rotate", "--overlap", "unlimited"];
    assert_eq!(site.trust(&second, &rotate).code, Some(0));
    let text = site.directory.read("trusted/archive-01.pub.key");
    site.directory.write("trusted/archive-01.pub.key", &format!("# From Ann.\n{text}# Checked.\n"));
    site
}

#[test]
fn every_key_of_a_signer_is_revoked_now_and_the_rest_of_their_files_stays() {
    let site = site();
    let before = site.files();
    let run = site.key("revoke", &["archive-01"]);
    assert_eq!(run.code, Some(0), "{run}");
    for words in ["archive-01, key 0, at 2", "archive-01, key 1, at 2", "archive-01-1.pub.key"] {
        assert!(run.stdout.contains(words), "{words}: {run}");
    }
    for words in ["within seconds", "still verify", "Removing the file"] {
        assert!(run.stderr.contains(words), "{words}: {run}");
    }
    for (path, text) in site.files() {
        let is_archive = path.to_str().unwrap().contains("archive-01");
        let kept: String = text
            .split_inclusive('\n')
            .filter(|line| !line.contains("revoked = ") && *line != "trust\n")
            .collect();
        assert_eq!(kept, before[&path]);
        assert_eq!(text != before[&path], is_archive, "{}", path.display());
    }
    assert_eq!(mode(&site.directory.path("trusted/archive-01.pub.key")), 0o644);
    let shown =
        site.directory.lk(&["key", "show", &site.directory.text("trusted/archive-01.pub.key")]);
    assert!(shown.stdout.contains("state        was revoked at 2"), "{shown}");
}

#[test]
fn one_key_is_revoked_by_its_id_and_at_a_time() {
    let site = site();
    let run = site.key("revoke", &["archive-01:1", "--at", "2026-11-01T00:00:00Z"]);
    assert_eq!(run.code, Some(0), "{run}");
    let revoked = |name: &str| site.trusted(name).validity.revoked;
    let first = revoked("archive-01-1.pub.key");
    assert_eq!(first, "2026-11-01T00:00:00Z".parse().ok());
    assert_eq!(revoked("archive-01.pub.key"), None);
    // A second time changes nothing, unless it says when.
    assert_eq!(site.key("revoke", &["archive-01:1"]).code, Some(0));
    assert_eq!(revoked("archive-01-1.pub.key"), first);
    let at = ["archive-01:1", "--at", "2026-11-02T00:00:00+01:00"];
    assert_eq!(site.key("revoke", &at).code, Some(0));
    assert_eq!(revoked("archive-01-1.pub.key"), "2026-11-01T23:00:00Z".parse().ok());
    // One that was planned for later is brought forward.
    assert_eq!(site.key("revoke", &["spears-01", "--at", "2999-01-01T00:00:00Z"]).code, Some(0));
    assert_eq!(site.key("revoke", &["spears-01"]).code, Some(0));
    assert!(revoked("spears-01.pub.key") < "2999-01-01T00:00:00Z".parse().ok());
}

#[test]
fn an_id_with_a_colon_is_found() {
    let site = site();
    let text = fs::read_to_string(public("spears-01")).unwrap();
    let (odd, _) = text.split_once("curve\n").unwrap();
    let odd = odd.replace("id = \"spears-01\"", "id = \"a:b\"");
    let key = fs::read_to_string(site.new_key("a:b", "0")).unwrap();
    let (_, rest) = key.split_once("curve\n").unwrap();
    site.directory.write("trusted/odd", &format!("{odd}curve\n{rest}"));
    for whose in ["a:b", "a:b:0"] {
        let run = site.key("revoke", &[whose]);
        assert!(run.stdout.contains("a:b, key 0, at "), "{run}");
    }
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let site = site();
    for whose in ["stranger-01", "archive-01:7", "archive", "archive-01:", ":0", ""] {
        site.refuses_to(
            || site.key("revoke", &[whose]),
            "there are archive-01:0, archive-01:1, spears-01:0",
        );
    }
    site.refuses_to(|| site.key("revoke", &["archive-01", "--at", "noon"]), "write a time such as");
}

#[test]
fn a_damaged_file_is_no_obstacle_and_is_not_passed_over() {
    let site = site();
    site.directory.write("trusted/damaged", "nonsense");
    let run = site.key("revoke", &["spears-01"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(site.trusted("spears-01.pub.key").validity.revoked.is_some());
    assert!(run.stderr.contains("a running daemon may still trust what they held"), "{run}");
    site.refuses_to(|| site.key("revoke", &["gone"]), "damaged is malformed");
}
