//! A small archive in a directory.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use lookout::apt::checksum::Checksum;
use tempfile::TempDir;

use super::Gpg;

/// How the `Release` is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    InRelease,
    Detached,
    Unsigned,
}

/// An archive with one suite, `x`.
pub(crate) struct Archive {
    pub(crate) gpg: Gpg,
    pub(crate) form: Form,
    /// More fields of the `Release`, each with its line end.
    pub(crate) fields: String,
    /// The extensions under which indexes are written.
    pub(crate) forms: Vec<&'static str>,
    directory: TempDir,
    indexes: BTreeMap<String, String>,
}

/// A paragraph of `Packages`; `source` as in the field.
pub(crate) fn binary(name: &str, version: &str, architecture: &str, source: &str) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nSource: {source}\n\
         Maintainer: Ada Example <ada@example.org>\nSection: devel\nDescription: a test\n more\n\n"
    )
}

/// A paragraph of `Sources`.
pub(crate) fn source(name: &str, version: &str) -> String {
    format!("Package: {name}\nVersion: {version}\nFormat: 3.0 (quilt)\nBinary: {name}\n\n")
}

impl Archive {
    pub(crate) fn new() -> Self {
        Self {
            gpg: Gpg::new(),
            form: Form::InRelease,
            fields: "Suite: testing\nCodename: x\nAcquire-By-Hash: yes\n".to_owned(),
            forms: vec!["", ".gz", ".xz"],
            directory: tempfile::tempdir().unwrap(),
            indexes: BTreeMap::new(),
        }
    }

    /// The archive's directory.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The suite's directory.
    pub(crate) fn suite(&self) -> PathBuf {
        self.root().join("dists/x")
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.root().display())
    }

    /// Replaces the `Packages` of main for amd64, which most tests are about.
    pub(crate) fn packages(&mut self, paragraphs: &[String]) -> &mut Self {
        self.index("main/binary-amd64/Packages", paragraphs)
    }

    /// Replaces an index.
    pub(crate) fn index(&mut self, path: &str, paragraphs: &[String]) -> &mut Self {
        self.indexes.insert(path.to_owned(), paragraphs.concat());
        self
    }

    /// Writes everything as it is at `date`.
    pub(crate) fn publish(&mut self, date: &str) {
        let date: Timestamp = date.parse().unwrap();
        let date = date.strftime("%a, %d %b %Y %H:%M:%S UTC");
        let mut release = format!("{}Date: {date}\nSHA256:\n", self.fields);
        for (path, text) in &self.indexes {
            for extension in &self.forms {
                let bytes = pack(extension, text.as_bytes());
                let checksum = Checksum::of(&bytes);
                writeln!(release, " {} {} {path}{extension}", checksum.hex(), checksum.size)
                    .unwrap();
                let (directory, _) = path.rsplit_once('/').unwrap();
                let by_hash = format!("{directory}/by-hash/SHA256/{}", checksum.hex());
                for name in [format!("{path}{extension}"), by_hash] {
                    self.write(&name, &bytes);
                }
            }
        }
        self.sign(&release);
    }

    /// Signs this text as the `Release`.
    pub(crate) fn sign(&self, release: &str) {
        let release = release.as_bytes();
        for name in ["InRelease", "Release", "Release.gpg"] {
            drop(fs::remove_file(self.suite().join(name)));
        }
        match self.form {
            Form::InRelease => self.write("InRelease", &self.gpg.sign_inline(release)),
            Form::Unsigned => self.write("Release", release),
            Form::Detached => {
                self.write("Release", release);
                self.write("Release.gpg", &self.gpg.sign_detached(release));
            }
        }
    }

    /// Puts a file below the suite's directory, in one step.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.suite().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let new = path.with_extension("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.suite().join(name)).unwrap()
    }
}

/// Packs as the extension says.
pub(crate) fn pack(extension: &str, bytes: &[u8]) -> Vec<u8> {
    match extension {
        "" => bytes.to_vec(),
        ".gz" => {
            let level = flate2::Compression::default();
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        ".xz" => {
            let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 0);
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        ".lz4" => {
            let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap()
        }
        other => panic!("{other} is no extension"),
    }
}
