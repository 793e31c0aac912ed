use std::fs;

use tempfile::TempDir;

use super::*;
use crate::{apt::sources::SignedBy, config::Config};

fn debian() -> Distribution {
    let moving = ["bookworm", "stable", "sid"].map(str::to_owned);
    Distribution { id: "debian".to_owned(), suites: moving.to_vec() }
}

/// APT's configuration in a directory of its own.
struct Apt(TempDir);

impl Apt {
    fn new(sources: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("parts")).unwrap();
        fs::write(directory.path().join("parts/debian.sources"), sources).unwrap();
        fs::write(directory.path().join("key.gpg"), [0x99]).unwrap();
        Self(directory)
    }

    fn settings(&self, more: &str) -> AptSettings {
        let root = self.0.path().display();
        AptSettings::parse(&format!(
            "Dir::Etc={root}\nDir::Etc::sourcelist=sources.list\nDir::Etc::sourceparts=parts\n\
             APT::Architecture=amd64\n{more}"
        ))
    }

    fn find(&self, more: &str) -> Result<Found, DiscoverError> {
        let settings = self.settings(more);
        find(&settings, &read_sources(&settings).unwrap(), &debian(), None)
    }

    /// Replaces `KEY` by the path of a keyring that exists.
    fn with_key(sources: &str) -> Self {
        let apt = Self::new("");
        let key = apt.0.path().join("key.gpg").display().to_string();
        let file = apt.0.path().join("parts/debian.sources");
        fs::write(file, sources.replace("KEY", &key)).unwrap();
        apt
    }
}

const DEBIAN: &str = "Types: deb\nURIs: http://deb.debian.org/debian\n\
    Suites: bookworm bookworm-updates bookworm-backports\nComponents: main contrib\nSigned-By: KEY\n\n\
    Types: deb deb-src\nURIs: http://deb.debian.org/debian-security\nSuites: bookworm-security\n\
    Components: main\nArchitectures: amd64 arm64\nSigned-By: KEY\n\n\
    Types: deb\nURIs: https://packages.example.com/other\nSuites: bookworm\nComponents: main\n";

#[test]
fn the_distributions_archive_is_found_with_the_suites_that_lie_over_it() {
    let apt = Apt::with_key(DEBIAN);
    let found = apt.find("").unwrap();
    let key = Keys::Files(vec![apt.0.path().join("key.gpg")]);
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|&w| w.to_owned()).collect() };
    let debian = FoundArchive {
        name: "debian".to_owned(),
        url: "http://deb.debian.org/debian".to_owned(),
        suites: words(&["bookworm", "bookworm-updates"]),
        components: words(&["contrib", "main"]),
        architectures: words(&["amd64"]),
        keys: key.clone(),
        baseline: "debian/bookworm".to_owned(),
        check_dates: true,
    };
    let security = FoundArchive {
        name: "debian-security".to_owned(),
        url: "http://deb.debian.org/debian-security".to_owned(),
        suites: words(&["bookworm-security"]),
        components: words(&["main"]),
        architectures: words(&["amd64", "arm64", "source"]),
        keys: key,
        ..debian.clone()
    };
    assert_eq!(found, Found { archives: vec![debian, security], lists_dir: None });
}

#[test]
fn what_is_found_is_written_as_a_configuration_that_is_valid() {
    let apt = Apt::with_key(DEBIAN);
    let mut found = apt.find("Acquire::Check-Valid-Until=false\n").unwrap();
    found.lists_dir = Some("/var/lib/apt/lists".into());
    found.archives[1].keys = Keys::Inline("-----BEGIN\n".to_owned());
    let destination = Destination {
        data_dir: "/d".into(),
        key_file: "/k".into(),
        endpoint: "tcp://127.0.0.1:1".to_owned(),
        interval: "2m".to_owned(),
        keys_dir: apt.0.path().join("keys"),
    };
    let config: Config = toml::from_str(&write(&found, &destination).unwrap()).unwrap();
    config.validate().unwrap();
    assert_eq!(config.archives[0].suites, ["bookworm", "bookworm-updates"]);
    assert!(!config.archives[0].check_dates);
    let inline = apt.0.path().join("keys/debian-security.asc");
    assert_eq!(fs::read_to_string(&inline).unwrap(), "-----BEGIN\n");
    assert_eq!(config.archives[1].signed_by, [inline]);
}

#[test]
fn a_machine_without_the_distributions_archive_is_told_so() {
    let apt = Apt::new("Types: deb\nURIs: https://packages.example.com/x\nSuites: bookworm\n");
    assert_eq!(apt.find("").unwrap_err().to_string(), "APT's sources name no archive of debian");
}

#[test]
fn without_a_keyring_of_its_own_an_archive_is_signed_by_those_that_apt_trusts() {
    let apt = Apt::new("");
    let parts = apt.0.path().join("trusted");
    fs::create_dir(&parts).unwrap();
    for name in ["b.asc", "a.gpg", "c.gpg~"] {
        fs::write(parts.join(name), "x").unwrap();
    }
    let settings = apt.settings("Dir::Etc::trusted=key.gpg\nDir::Etc::trustedparts=trusted\n");
    let source = AptSource { signed_by: SignedBy::Anyone, ..AptSource::default() };
    let found = Keys::of(&source, "no-such-distribution", &settings);
    let expected = vec![apt.0.path().join("key.gpg"), parts.join("a.gpg"), parts.join("b.asc")];
    assert_eq!(found, Some(Keys::Files(expected)));

    let none = apt.settings("");
    assert_eq!(Keys::of(&source, "no-such-distribution", &none), None);
    let trusted = AptSource { trusted: true, ..source };
    assert_eq!(Keys::of(&trusted, "no-such-distribution", &none), Some(Keys::Trusted));
}
