//! `lk key trust`: what it writes, and that it writes nothing when it refuses.

use std::{collections::BTreeMap, fs, path::PathBuf};

use insta::assert_snapshot;

use crate::program::{Directory, Run, mode, vector_keys};

const CONFIG: &str = "# Our relay.\n\
    data_dir = \"DIR/data\"\n\n\
    [identity]\nkey_file = \"DIR/lighthouse-01.key_secret\"\n\n\
    [trust]\nkeys_dir = \"DIR/trusted\" # all of them\n\
    relays = []\n\n\
    # Who may say what.\n\
    [trust.emit]\n\
    \"archive-01\" = [\"_lk.archive.\"]\n\n\
    [journal]\nretain = \"unlimited\"\n";

struct Relay(Directory);

impl Relay {
    fn new() -> Self {
        let directory = Directory::new();
        fs::create_dir(directory.path("trusted")).unwrap();
        directory.secret("lighthouse-01");
        directory.write("lighthouse.toml", &CONFIG.replace("DIR", directory.root()));
        Self(directory)
    }

    fn trust(&self, file: &str, more: &[&str]) -> Run {
        let config = self.0.text("lighthouse.toml");
        self.0.lk(&[&["key", "trust", file, "--config", &config], more].concat())
    }

    fn config(&self) -> String {
        self.0.read("lighthouse.toml").replace(self.0.root(), "DIR")
    }

    fn files(&self) -> BTreeMap<PathBuf, String> {
        let entries = fs::read_dir(self.0.path("trusted")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
    }

    /// Runs it, and sees that nothing was changed.
    fn refuses(&self, file: &str, more: &[&str], reason: &str) {
        let before = (self.config(), self.files());
        let run = self.trust(file, more);
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains(reason), "{run}");
        assert_eq!((self.config(), self.files()), before, "{reason}");
    }
}

fn public(signer: &str) -> String {
    let name = match signer {
        "stranger-01" => format!("not_trusted/{signer}.pub.key"),
        _ => format!("trusted/{signer}.pub.key"),
    };
    vector_keys().join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_trusted_key_is_a_file_and_a_line_and_everything_else_stays() {
    let relay = Relay::new();
    let run = relay.trust(
        &public("spears-01"),
        &["--id", "spears-01", "--emit", "_lk.spears.", "--emit", "org.example.a.b"],
    );
    assert_snapshot!(run);
    let line = "spears-01 = [\"_lk.spears.\", \"org.example.a.b\"]\n";
    assert_eq!(relay.config(), CONFIG.replace("\n[journal]", &format!("{line}\n[journal]")));
    assert_eq!(mode(&relay.0.path("trusted/spears-01.pub.key")), 0o644);
    assert_eq!(relay.files().len(), 1);
}

#[test]
fn of_a_secret_key_only_the_public_half_is_copied() {
    let relay = Relay::new();
    let secret = relay.0.secret("spears-01");
    assert_eq!(relay.trust(&secret, &["--id", "spears-01"]).code, Some(0));
    let trusted = relay.0.read("trusted/spears-01.pub.key");
    assert!(trusted.contains("verify-key"));
    assert!(!trusted.contains("signing-key") && !trusted.contains("secret-key"));
}

#[test]
fn rights_that_stand_there_already_are_kept_and_shown() {
    let relay = Relay::new();
    let run = relay.trust(&public("archive-01"), &["--id", "archive-01"]);
    assert!(run.stdout.contains("may emit     _lk.archive.\n"), "{run}");
    assert_eq!(relay.config(), CONFIG);
}

#[test]
fn a_key_without_rights_is_trusted_and_said_to_have_none() {
    let relay = Relay::new();
    let run = relay.trust(&public("spears-01"), &["--id", "spears-01"]);
    assert!(run.stdout.contains("may emit     nothing\n"), "{run}");
    assert_eq!(relay.config(), CONFIG);
}

#[test]
fn a_relay_is_listed_as_one() {
    let relay = Relay::new();
    assert_eq!(relay.trust(&public("spears-01"), &["--id", "spears-01", "--relay"]).code, Some(0));
    assert_eq!(relay.config(), CONFIG.replace("relays = []", "relays = [\"spears-01\"]"));
}

#[test]
fn another_id_than_that_in_the_file_is_refused() {
    let reason = "is the key of stranger-01, not of archive-01";
    Relay::new().refuses(&public("stranger-01"), &["--id", "archive-01"], reason);
}

#[test]
fn a_signer_that_is_known_is_refused() {
    let relay = Relay::new();
    let spears = public("spears-01");
    relay.trust(&spears, &["--id", "spears-01"]);
    relay.refuses(
        &spears,
        &["--id", "spears-01", "--emit", "_lk."],
        "spears-01 is trusted already",
    );
    let text = fs::read_to_string(&spears).unwrap();
    let second = relay.0.write("second", &format!("{text}    key-id = \"1\"\n"));
    relay.refuses(&second, &["--id", "spears-01"], "spears-01 is trusted already");
    let renamed =
        relay.0.write("renamed", &text.replace("id = \"spears-01\"", "id = \"spears-02\""));
    relay.refuses(&renamed, &["--id", "spears-02"], "trusted already, as that of spears-01");
}

#[test]
fn the_relays_own_key_is_refused_under_any_name() {
    let relay = Relay::new();
    let own = public("lighthouse-01");
    relay.refuses(&own, &["--id", "lighthouse-01"], "lighthouse-01 is the daemon's own key");
    let text =
        fs::read_to_string(&own).unwrap().replace("id = \"lighthouse-01\"", "id = \"other\"");
    relay.refuses(&relay.0.write("other", &text), &["--id", "other"], "the daemon's own key");
    let text = fs::read_to_string(public("spears-01")).unwrap();
    let forged = relay.0.write("forged", &text.replace("\"spears-01\"", "\"lighthouse-01\""));
    relay.refuses(&forged, &["--id", "lighthouse-01"], "the daemon's own key");
}

#[test]
fn weak_keys_and_files_that_are_no_keys_are_refused() {
    let relay = Relay::new();
    let text = fs::read_to_string(public("spears-01")).unwrap();
    let (start, _) = text.split_once("verify-key").unwrap();
    for (key, reason) in [
        ("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "weak"),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA", "verify key"),
        ("AAAA", "base64 of 32 bytes"),
    ] {
        let file = relay.0.write("weak", &format!("{start}verify-key = \"{key}\"\n"));
        relay.refuses(&file, &["--id", "spears-01"], reason);
    }
    relay.refuses("/nonexistent", &["--id", "spears-01"], "could not read the key file");
}

#[test]
fn rights_that_say_more_than_they_mean_are_refused() {
    for rule in ["", "_lk", "_lk.archive", "*", "_lk.*"] {
        let reason = "neither a whole event id nor a prefix";
        Relay::new().refuses(&public("spears-01"), &["--id", "spears-01", "--emit", rule], reason);
    }
}

#[test]
fn a_relay_never_emits() {
    let relay = Relay::new();
    let spears = public("spears-01");
    relay.refuses(
        &spears,
        &["--id", "spears-01", "--relay", "--emit", "_lk."],
        "cannot be used with",
    );
    let archive = public("archive-01");
    relay.refuses(&archive, &["--id", "archive-01", "--relay"], "a relay is never a source");
}

#[test]
fn a_configuration_that_cannot_be_used_is_refused() {
    for (text, reason) in [
        ("", "missing field `trust`"),
        ("[trust]\nkeys_dir = \"/nonexistent\"\n", "could not read /nonexistent"),
        ("[trust]\nkeys_dir = \"/nonexistent\"\nemmit = 1\n", "unknown field `emmit`"),
        ("[trust\n", "is wrong"),
    ] {
        let relay = Relay::new();
        relay.0.write("lighthouse.toml", text);
        relay.refuses(&public("spears-01"), &["--id", "spears-01"], reason);
    }
}
