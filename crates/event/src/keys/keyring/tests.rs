use std::fs;

use super::*;

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

#[test]
fn an_absent_directory_is_an_error() {
    assert!(KeyDirectory::load(Path::new("/nonexistent/keys")).is_err());
}
