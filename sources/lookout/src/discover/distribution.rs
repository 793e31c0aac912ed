//! Which distribution this is, and which of APT's sources are its own.

use std::{io, path::Path};

use deb822_fast::borrowed::BorrowedParser;

use crate::apt::{lists::Lists, sources::AptSource};

/// A distribution, by `/etc/os-release`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Distribution {
    /// Such as `debian`.
    pub(super) id: String,
    /// What its suite may be called in APT's sources.
    pub(super) suites: Vec<String>,
}

impl Distribution {
    pub(super) fn of_this_machine() -> io::Result<Self> {
        Ok(Self::parse(&laniakea_files::read_text(Path::new("/etc/os-release"), 1 << 16)?))
    }

    fn parse(os_release: &str) -> Self {
        let value = |name: &str| {
            let values = os_release.lines().filter_map(|line| line.split_once('='));
            let found = values.into_iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.trim_matches(['"', '\'']).to_owned())
        };
        // A machine that follows a moving suite has its name, not the codename, in APT's sources.
        let moving = ["stable", "testing", "unstable", "sid"].map(str::to_owned);
        let suites = value("VERSION_CODENAME").into_iter().chain(moving).collect();
        Self { id: value("ID").unwrap_or_else(|| "linux".to_owned()), suites }
    }

    /// Whether an archive is the distribution's own: many others use its suites' names.
    ///
    /// What APT has downloaded says so; nothing is believed for it, since the archive's keys are
    /// checked when it is watched.
    pub(super) fn owns(&self, source: &AptSource, lists_dir: Option<&Path>) -> bool {
        let url = format!("{}/dists/{}/", source.uri.trim_end_matches('/'), source.suite);
        let origin = lists_dir.and_then(|directory| {
            let lists = Lists::new(directory.to_owned(), &url);
            let read = |name| lists.read(name).ok().flatten();
            origin(&read("InRelease").or_else(|| read("Release"))?)
        });
        match origin {
            Some(origin) => origin.eq_ignore_ascii_case(&self.id),
            None => self.has_named(&source.uri),
        }
    }

    /// Whether a directory of the address, or a mirror list in it, is called like the distribution.
    fn has_named(&self, url: &str) -> bool {
        let named = |part: &str| {
            let rest = part.strip_prefix(self.id.as_str());
            rest.is_some_and(|rest| ["", "-security", ".list"].contains(&rest))
        };
        url.split('/').any(named)
    }
}

/// The `Origin` of a `Release` file, signed inline or not.
fn origin(release: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(release);
    let fields = match text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----") {
        Some(signed) => signed.split_once("\n\n")?.1,
        None => &text,
    };
    let fields = fields.split("\n-----BEGIN PGP SIGNATURE-----").next()?;
    let paragraphs = BorrowedParser::new(fields).parse_all().ok()?;
    paragraphs.first()?.get_single("Origin").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn source(uri: &str) -> AptSource {
        AptSource { uri: uri.to_owned(), suite: "bookworm".to_owned(), ..AptSource::default() }
    }

    #[test]
    fn the_distribution_names_itself() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        let debian = Distribution::parse(text);
        assert_eq!(debian.id, "debian");
        assert_eq!(debian.suites[0], "bookworm");
        assert_eq!(Distribution::parse("ID='ubuntu'\n").id, "ubuntu");
    }

    #[test]
    fn without_lists_an_archive_is_known_by_its_address() {
        let debian = Distribution::parse("ID=debian\n");
        for url in [
            "http://deb.debian.org/debian",
            "http://deb.debian.org/debian-security/",
            "http://snapshot.debian.org/archive/debian/20250520T000000Z",
            "mirror+file:/etc/apt/mirrors/debian.list",
        ] {
            assert!(debian.owns(&source(url), None), "{url}");
        }
        for url in ["https://packages.example.com/debian12/prod", "https://pkg.debian.example/apt"]
        {
            assert!(!debian.owns(&source(url), None), "{url}");
        }
    }

    #[test]
    fn what_apt_has_downloaded_says_whose_archive_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let debian = Distribution::parse("ID=debian\n");
        let list = directory.path().join("m_x_dists_bookworm_InRelease");
        let foreign = directory.path().join("m_debian_dists_bookworm_Release");
        let signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nSHA256:\n\
            -----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n";
        fs::write(list, signed).unwrap();
        fs::write(foreign, "Origin: Somebody\nSHA256:\n").unwrap();
        assert!(debian.owns(&source("http://m/x"), Some(directory.path())));
        assert!(!debian.owns(&source("http://m/debian"), Some(directory.path())));
    }
}
