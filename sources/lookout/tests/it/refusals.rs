//! What is not believed, and that nothing comes of it.

use std::fs;

use crate::support::{Archive, Form, Gpg, Lookout, binary};

const MORNING: &str = "2026-11-01T06:00:00Z";
const NOON: &str = "2026-11-01T12:00:00Z";

fn hello(version: &str) -> String {
    binary("hello", version, "amd64", "hello")
}

/// An archive that was looked at once, and was published again since.
fn archive_with_news() -> (Archive, Lookout) {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(MORNING);
    let lookout = Lookout::of(&archive.url(), &archive.gpg.keyring());
    lookout.look().unwrap();
    archive.packages(&[hello("2.0")]).publish(NOON);
    (archive, lookout)
}

/// The look fails with this message, tells nothing, and the news is still news afterwards.
#[track_caller]
fn assert_refused(archive: &Archive, lookout: &Lookout, message: &str, heal: impl FnOnce()) {
    let error = lookout.look().unwrap_err();
    assert!(error.contains(message), "{error}");
    assert_eq!(lookout.take_events().len(), 0);
    heal();
    let events = lookout.look().unwrap();
    assert_eq!(events.len(), 2, "the news was lost at {}", archive.url());
}

#[test]
fn a_release_with_a_flipped_byte_is_refused() {
    let (archive, lookout) = archive_with_news();
    let good = archive.read("InRelease");
    let mut bad = good.clone();
    let place = bad.windows(8).position(|window| window == b"Codename").unwrap();
    bad[place] ^= 0x20;
    archive.write("InRelease", &bad);
    assert_refused(&archive, &lookout, "BADSIG", || archive.write("InRelease", &good));
}

#[test]
fn a_release_that_another_key_signed_is_refused() {
    let (mut archive, lookout) = archive_with_news();
    let good = archive.read("InRelease");
    let own = std::mem::replace(&mut archive.gpg, Gpg::new());
    archive.publish("2026-11-01T12:30:00Z");
    assert_refused(&archive, &lookout, "NO_PUBKEY", || archive.write("InRelease", &good));
    drop(own);
}

#[test]
fn an_unsigned_release_is_refused_unless_the_archive_is_trusted() {
    let (mut archive, mut lookout) = archive_with_news();
    archive.form = Form::Unsigned;
    archive.publish(NOON);
    let error = lookout.look().unwrap_err();
    assert!(error.contains("gpgv found no signature") || error.contains("NODATA"), "{error}");

    lookout.config.archives[0].trusted = true;
    lookout.config.archives[0].signed_by.clear();
    assert_eq!(lookout.look().unwrap().len(), 2);
}

#[test]
fn text_around_the_signed_part_is_refused() {
    let (archive, lookout) = archive_with_news();
    let good = archive.read("InRelease");
    let prefix = b"Suite: x\nDate: Sun, 01 Nov 2026 12:30:00 UTC\nSHA256:\n\n";
    archive.write("InRelease", &[&prefix[..], &good].concat());
    let heal = || archive.write("InRelease", &good);
    assert_refused(&archive, &lookout, "the InRelease file makes no sense", heal);
}

#[test]
fn an_expired_release_is_refused() {
    let (mut archive, lookout) = archive_with_news();
    let good = archive.read("InRelease");
    archive.fields += "Valid-Until: Sun, 01 Nov 2026 12:59:59 UTC\n";
    archive.publish(NOON);
    assert_refused(&archive, &lookout, "has expired", || archive.write("InRelease", &good));
}

#[test]
fn a_suite_that_expires_while_nothing_changes_is_refused_too() {
    let mut archive = Archive::new();
    archive.fields += "Valid-Until: Sun, 08 Nov 2026 12:00:00 UTC\n";
    archive.packages(&[hello("1.0")]).publish(NOON);
    let lookout = Lookout::of(&archive.url(), &archive.gpg.keyring());
    lookout.look().unwrap();
    lookout.clock.set("2026-11-08T12:00:01Z".parse().unwrap());
    let error = lookout.look().unwrap_err();
    assert!(error.contains("has expired (2026-11-08T12:00:00Z)"), "{error}");
}

#[test]
fn an_older_release_is_refused_as_a_replay() {
    let (archive, mut lookout) = archive_with_news();
    lookout.look().unwrap();
    let mut old = Archive::new();
    old.gpg = archive.gpg;
    old.packages(&[hello("0.9")]).publish(MORNING);
    lookout.config.archives[0].url = old.url();
    let error = lookout.look().unwrap_err();
    assert!(
        error.contains("went back from 2026-11-01T12:00:00Z to 2026-11-01T06:00:00Z"),
        "{error}"
    );
    assert_eq!(lookout.take_events().len(), 0);
}

#[test]
fn a_release_from_the_future_is_refused() {
    let (mut archive, lookout) = archive_with_news();
    let good = archive.read("InRelease");
    archive.publish("2026-11-01T14:00:01Z");
    assert_refused(&archive, &lookout, "from the future", || archive.write("InRelease", &good));
}

#[test]
fn a_release_of_another_suite_is_refused() {
    let (mut archive, lookout) = archive_with_news();
    let good = archive.read("InRelease");
    archive.fields = "Suite: stable\nCodename: y\n".to_owned();
    archive.publish(NOON);
    let message = "the Release file is of stable or y, not of x";
    assert_refused(&archive, &lookout, message, || archive.write("InRelease", &good));
}

#[test]
fn an_index_that_is_not_the_one_that_was_signed_is_refused_until_it_is() {
    let (mut archive, lookout) = archive_with_news();
    archive.fields = archive.fields.replace("Acquire-By-Hash: yes\n", "");
    archive.publish(NOON);
    let good = archive.read("main/binary-amd64/Packages.xz");
    for (bad, message) in [
        (b"not xz at all".to_vec(), "could not use main/binary-amd64/Packages.xz"),
        (good[..good.len() / 2].to_vec(), "could not use main/binary-amd64/Packages.xz"),
        (Vec::new(), "could not use main/binary-amd64/Packages.xz"),
    ] {
        archive.write("main/binary-amd64/Packages.xz", &bad);
        let error = lookout.look().unwrap_err();
        assert!(error.contains(message), "{error}");
        assert_eq!(lookout.take_events().len(), 0);
    }
    archive.write("main/binary-amd64/Packages.xz", &good);
    assert_eq!(lookout.look().unwrap().len(), 2);
}

#[test]
fn an_archive_in_the_middle_of_an_update_is_looked_at_again() {
    let (mut archive, lookout) = archive_with_news();
    archive.fields = archive.fields.replace("Acquire-By-Hash: yes\n", "");
    archive.forms = vec![""];
    archive.publish(NOON);
    let release = archive.read("InRelease");
    // The index is of the next publication already, the Release is not.
    archive.packages(&[hello("3.0")]).publish("2026-11-01T12:30:00Z");
    let next = archive.read("InRelease");
    archive.write("InRelease", &release);
    let heal = || archive.write("InRelease", &next);
    assert_refused(&archive, &lookout, "and the Release says", heal);
}

#[test]
fn an_index_beyond_the_limit_is_refused() {
    let mut archive = Archive::new();
    let many: Vec<String> = (0..9_000).map(|n| binary(&format!("p{n}"), "1", "all", "p")).collect();
    archive.packages(&many).publish(NOON);
    let lookout = Lookout::with(&archive.url(), &archive.gpg.keyring(), "max_index_mib = 1\n");
    let error = lookout.look().unwrap_err();
    assert!(error.contains("more than max_index_mib allows (1048576)"), "{error}");
}

#[test]
fn a_suite_without_any_of_the_watched_indexes_is_a_mistake() {
    let mut archive = Archive::new();
    archive.packages(&[hello("1.0")]).publish(NOON);
    let mut lookout = Lookout::of(&archive.url(), &archive.gpg.keyring());
    lookout.config.archives[0].components = vec!["mian".to_owned()];
    let error = lookout.look().unwrap_err();
    assert!(error.contains("none of the indexes to watch (mian/binary-amd64/Packages)"), "{error}");
}

#[test]
fn a_keyring_that_is_gone_is_said_by_name() {
    let (archive, lookout) = archive_with_news();
    let keyring = archive.gpg.keyring();
    let bytes = fs::read(&keyring).unwrap();
    fs::remove_file(&keyring).unwrap();
    let message = format!("could not read the keyring {}", keyring.display());
    assert_refused(&archive, &lookout, &message, || fs::write(&keyring, bytes).unwrap());
}
