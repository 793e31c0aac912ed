use std::fs;

use super::*;
use crate::keys::Validity;

fn vector(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/events/keys/trusted").join(name)
}

fn signers(directory: &KeyDirectory) -> Vec<String> {
    directory.keyring().iter().map(|(signer, ..)| signer.to_string()).collect()
}

#[test]
fn every_file_of_the_directory_is_trusted() {
    let directory = KeyDirectory::load(&vector("")).unwrap();
    assert_eq!(signers(&directory), ["archive-01", "lighthouse-01", "spears-01"]);
    assert!(directory.problems().is_empty());
}

#[test]
fn a_removed_file_is_revoked_and_a_damaged_one_keeps_its_last_good_key() {
    let place = tempfile::tempdir().unwrap();
    for name in ["archive-01.pub.key", "spears-01.pub.key"] {
        fs::copy(vector(name), place.path().join(name)).unwrap();
    }
    let directory = KeyDirectory::load(place.path()).unwrap();
    fs::write(place.path().join("archive-01.pub.key"), "half a f").unwrap();
    fs::remove_file(place.path().join("spears-01.pub.key")).unwrap();
    let directory = directory.reload().unwrap();
    assert_eq!(signers(&directory), ["archive-01"]);
    let [KeyProblem::Damaged { keeps_last_good: true, .. }] = directory.problems() else {
        panic!("{:?}", directory.problems());
    };
    let fresh = KeyDirectory::load(place.path()).unwrap();
    assert!(fresh.keyring().is_empty());
    assert_eq!(fresh.problems().len(), 1);
}

#[test]
fn two_files_of_one_key_are_both_refused_and_named() {
    let place = tempfile::tempdir().unwrap();
    for name in ["a.key", "b.key"] {
        fs::copy(vector("archive-01.pub.key"), place.path().join(name)).unwrap();
    }
    fs::copy(vector("spears-01.pub.key"), place.path().join("c.key")).unwrap();
    let directory = KeyDirectory::load(place.path()).unwrap();
    assert_eq!(signers(&directory), ["spears-01"]);
    let message = directory.problems()[0].to_string();
    assert!(message.contains("a.key and ") && message.contains("b.key"), "{message}");
}

/// What is no key file, and would hold up or fill up whoever reads it as one.
fn put_oddities(place: &Path) -> Vec<&'static str> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, place.join("fifo.key"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    std::os::unix::fs::symlink("/dev/zero", place.join("zero.key")).unwrap();
    std::os::unix::fs::symlink("fifo.key", place.join("to-fifo.key")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(place.join("socket.key")).unwrap());
    fs::File::create(place.join("large.key")).unwrap().set_len(1 << 40).unwrap();
    vec!["fifo.key", "large.key", "socket.key", "to-fifo.key", "zero.key"]
}

#[test]
fn what_is_no_key_file_is_named_and_keeps_no_removal_from_counting() {
    let place = tempfile::tempdir().unwrap();
    for name in ["archive-01.pub.key", "spears-01.pub.key"] {
        fs::copy(vector(name), place.path().join(name)).unwrap();
    }
    let directory = KeyDirectory::load(place.path()).unwrap();
    let odd = put_oddities(place.path());
    fs::remove_file(place.path().join("spears-01.pub.key")).unwrap();
    let directory = directory.reload().unwrap();
    assert_eq!(signers(&directory), ["archive-01"]);
    let told: Vec<String> = directory.problems().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), odd.len(), "{told:?}");
    for (name, told) in odd.iter().zip(told) {
        let reason = if *name == "large.key" { "larger than" } else { "no regular file" };
        assert!(told.contains(name) && told.contains(reason), "{told}");
    }
    for name in odd {
        let path = place.path().join(name);
        for error in [KeyFile::load(&path).unwrap_err(), KeyFile::load_secret(&path).unwrap_err()] {
            let is_refused =
                matches!(error, KeyFileError::Refused { .. } | KeyFileError::Exposed { .. });
            assert!(is_refused, "{name}: {error}");
        }
    }
}

#[test]
fn a_key_in_whose_place_is_something_else_keeps_its_last_good_one() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("fifo.key");
    fs::copy(vector("archive-01.pub.key"), &path).unwrap();
    let directory = KeyDirectory::load(place.path()).unwrap();
    fs::remove_file(&path).unwrap();
    put_oddities(place.path());
    assert_eq!(signers(&directory.reload().unwrap()), ["archive-01"]);
}

#[test]
fn an_absent_directory_is_an_error() {
    assert!(KeyDirectory::load(Path::new("/nonexistent/keys")).is_err());
}

fn public(name: &str) -> String {
    fs::read_to_string(vector(name)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn who_may_connect_changes_with_the_time() {
    let place = tempfile::tempdir().unwrap();
    let text = format!(
        "{}trust\n    valid-from = \"2026-11-01T00:00:00Z\"\n    revoked = \"2026-11-25T12:00:00Z\"\n",
        public("archive-01.pub.key")
    );
    fs::write(place.path().join("a"), &text).unwrap();
    fs::write(place.path().join("s"), public("spears-01.pub.key")).unwrap();
    let directory = KeyDirectory::load(place.path()).unwrap();
    let signers = |time| {
        let keys = directory.curve_keys(at(time));
        keys.values().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(signers("2026-10-31T23:59:59.999999999Z"), ["spears-01"]);
    assert_eq!(signers("2026-11-01T00:00:00Z").len(), 2);
    assert_eq!(signers("2026-11-25T12:00:00Z"), ["spears-01"]);
    let keys = directory.curve_keys(at("2026-11-02T00:00:00Z"));
    let owner = keys.get("DC<Es!ARhjcVx!}>H&zW{y6Ph9ox^LRdCmMrmFz{").map(SignerId::as_str);
    assert_eq!(owner, Some("archive-01"));
}

#[test]
fn a_curve_key_of_two_signers_is_nobodys_and_one_of_two_key_ids_is_their_signers() {
    let place = tempfile::tempdir().unwrap();
    let archive = public("archive-01.pub.key");
    let other = public("spears-01.pub.key");
    let line =
        |text: &str, name| text.lines().find(|line: &&str| line.contains(name)).unwrap().to_owned();
    let spears = other.replace(&line(&other, "public-key"), &line(&archive, "public-key"));
    fs::write(place.path().join("archive-01.pub.key"), &archive).unwrap();
    // A second key of the same signer may keep the key of the connection.
    let second = archive.replace(&line(&archive, "verify-key"), &line(&other, "verify-key"));
    let retired = KeyFile::mark(
        &format!("{second}    key-id = \"1\"\n"),
        &Validity { until: Some(at("2000-01-01T00:00:00Z")), ..Validity::ALWAYS },
    );
    fs::write(place.path().join("archive-01-1.pub.key"), retired).unwrap();
    let directory = KeyDirectory::load(place.path()).unwrap();
    let now = at("2026-11-25T12:00:00Z");
    assert_eq!((directory.curve_keys(now).len(), directory.problems().len()), (1, 0));
    fs::write(place.path().join("spears-01.pub.key"), spears).unwrap();
    let directory = directory.reload().unwrap();
    assert!(directory.curve_keys(now).is_empty());
    assert_eq!(directory.keyring().iter().count(), 3, "they still sign");
    let message = directory.problems()[0].to_string();
    assert!(message.starts_with("archive-01 and spears-01 have one CURVE key, in "), "{message}");
    assert!(message.contains("archive-01-1.pub.key") && message.contains("spears-01.pub.key"));
}

#[test]
fn malformed_marks_keep_the_last_good_key_with_its_last_good_marks() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a");
    let until = Some(at("2026-12-01T00:00:00Z"));
    let good =
        KeyFile::mark(&public("archive-01.pub.key"), &Validity { until, ..Validity::ALWAYS });
    fs::write(&path, &good).unwrap();
    let directory = KeyDirectory::load(place.path()).unwrap();
    fs::write(&path, good.replace("2026-12-01T00:00:00Z", "soon")).unwrap();
    let directory = directory.reload().unwrap();
    let message = directory.problems()[0].to_string();
    assert!(message.contains("`valid-until` is not a time"), "{message}");
    let keyring = directory.keyring();
    let (.., key) = keyring.iter().next().unwrap();
    assert_eq!(key.validity.until, until);
}
