//! The binary, and what it did.

use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A run that is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// As snapshots have it.
impl fmt::Display for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or("killed".to_owned(), |code| code.to_string());
        writeln!(formatter, "exit {code}")?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                write!(formatter, "--- {name}\n{text}")?;
            }
        }
        Ok(())
    }
}

impl Run {
    /// The run without what differs from one to the next.
    pub(crate) fn without(mut self, volatile: &str, placeholder: &str) -> Self {
        self.stdout = self.stdout.replace(volatile, placeholder);
        self.stderr = self.stderr.replace(volatile, placeholder);
        self
    }

    /// The lines of stdout.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }
}

/// The binary, in an environment that is the same everywhere.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lk"));
    command.args(arguments).env_clear().env("TZ", "UTC");
    command
}

/// Runs the binary with nothing on stdin.
pub(crate) fn lk(arguments: &[&str]) -> Run {
    lk_with(arguments, b"")
}

/// Runs the binary with this on stdin.
pub(crate) fn lk_with(arguments: &[&str], stdin: &[u8]) -> Run {
    let mut command = command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that fails early does not read what it was given.
    drop(child.stdin.take().unwrap().write_all(stdin));
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A directory that is gone after the test.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn root(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self.text(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A copy of a secret key among the vectors, with the mode that a secret has.
    pub(crate) fn secret(&self, signer: &str) -> String {
        let text = fs::read_to_string(vector_keys().join(format!("secret/{signer}.key_secret")));
        let file = self.write(&format!("{signer}.key_secret"), &text.unwrap());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// Runs the binary; the directory's name does not show in the result.
    pub(crate) fn lk(&self, arguments: &[&str]) -> Run {
        lk(arguments).without(self.root(), "[DIR]")
    }
}

/// The keys of the test vectors.
pub(crate) fn vector_keys() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/events/keys")
}

/// Those of them that are trusted.
pub(crate) fn trusted_keys() -> String {
    vector_keys().join("trusted").to_str().unwrap().to_owned()
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
