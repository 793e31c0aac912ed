//! What `apt-get update` left on this machine, to be used in place of a download.
//!
//! Nothing here is believed for being there: the `Release` is verified and the indexes are hashed
//! like those that come over the network.

use std::{fs::File, io, path::PathBuf};

use super::{files::MAX_RELEASE_BYTES, index::IndexName, unpack::Compression};

/// One suite's files among APT's lists.
#[derive(Debug, Clone)]
pub struct Lists {
    directory: PathBuf,
    prefix: String,
}

impl Lists {
    /// The files that APT keeps in `directory` for the suite at `url`, the suite's directory.
    pub fn new(directory: PathBuf, url: &str) -> Self {
        Self { directory, prefix: list_name(url) }
    }

    /// Reads `InRelease`, `Release` or `Release.gpg`; `None` if APT has none.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be read, or is far too long.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match laniakea_files::read(&self.path(name), MAX_RELEASE_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The forms of an index that APT has, the quickest to read first.
    pub fn index(&self, name: &IndexName) -> impl Iterator<Item = (Compression, File)> {
        let name = name.to_string();
        Compression::KEPT.into_iter().filter_map(move |compression| {
            let path = self.path(&format!("{name}{}", compression.extension()));
            Some((compression, laniakea_files::open(&path).ok()?))
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{}{}", self.prefix, list_name(name)))
    }
}

/// The name of a file in APT's lists: its address without scheme and user, `/` written as `_`.
pub(super) fn list_name(url: &str) -> String {
    const QUOTED: &[u8] = b"\\|{}[]<>\"^~_=!@#$%^&*";
    let rest = url.split_once(':').filter(|(scheme, _)| !scheme.contains('/'));
    let rest = rest.map_or(url, |(_, rest)| rest);
    let rest = match rest.strip_prefix("//") {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            &rest[rest.len() - path.len() - host.rsplit('@').next().map_or(0, str::len)..]
        }
        None => rest,
    };
    let quoted = |byte: u8| match byte {
        b'/' => "_".to_owned(),
        b'!'..0x7f if !QUOTED.contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    rest.bytes().map(quoted).collect()
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn files_are_named_as_apt_names_them() {
        for (url, name) in [
            (
                "http://deb.debian.org/debian/dists/bookworm/",
                "deb.debian.org_debian_dists_bookworm_",
            ),
            ("https://me:secret@[::1]:8080/~joe_x/", "%5b::1%5d:8080_%7ejoe%5fx_"),
            ("file:/srv/archive/dists/x/", "_srv_archive_dists_x_"),
            ("file:///srv/archive/dists/x/", "_srv_archive_dists_x_"),
            (
                "mirror+file:/etc/apt/mirrors/debian.list/dists/x/",
                "_etc_apt_mirrors_debian.list_dists_x_",
            ),
            ("main/binary-amd64/Packages.lz4", "main_binary-amd64_Packages.lz4"),
        ] {
            assert_eq!(list_name(url), name, "{url}");
        }
    }

    #[test]
    fn only_what_is_there_is_offered() {
        let directory = tempfile::tempdir().unwrap();
        let lists = Lists::new(directory.path().to_owned(), "http://a/b/dists/x/");
        let packages = IndexName::new("main", "amd64");
        assert!(lists.read("InRelease").unwrap().is_none());
        assert_eq!(lists.index(&packages).count(), 0);

        std::fs::write(directory.path().join("a_b_dists_x_InRelease"), "x").unwrap();
        std::fs::write(directory.path().join("a_b_dists_x_main_binary-amd64_Packages.xz"), "x")
            .unwrap();
        assert_eq!(lists.read("InRelease").unwrap().unwrap(), b"x");
        let forms: Vec<_> = lists.index(&packages).map(|(form, _)| form).collect();
        assert_eq!(forms, [Compression::Xz]);
    }
}
