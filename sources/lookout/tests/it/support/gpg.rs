//! A throw-away OpenPGP key.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A key that only this test has.
pub(crate) struct Gpg {
    home: TempDir,
}

impl Gpg {
    /// Makes a key.
    pub(crate) fn new() -> Self {
        let gpg = Self { home: tempfile::tempdir().unwrap() };
        gpg.run(
            &[
                "--quick-generate-key",
                "Test Archive <archive@example.org>",
                "ed25519",
                "sign",
                "never",
            ],
            b"",
        );
        gpg
    }

    /// The binary keyring with the public key.
    pub(crate) fn keyring(&self) -> PathBuf {
        self.export("keyring.gpg", &["--export"])
    }

    /// The same, armoured.
    pub(crate) fn armoured_keyring(&self) -> PathBuf {
        self.export("keyring.asc", &["--armor", "--export"])
    }

    /// `InRelease` for this text.
    pub(crate) fn sign_inline(&self, text: &[u8]) -> Vec<u8> {
        self.run(&["--clearsign"], text)
    }

    /// `Release.gpg` for this text.
    pub(crate) fn sign_detached(&self, text: &[u8]) -> Vec<u8> {
        self.run(&["--armor", "--detach-sign"], text)
    }

    fn export(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, self.run(arguments, b"")).unwrap();
        path
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(self.home.path());
        command.args(["--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback"]);
        let output = run(command.args(arguments), input);
        assert!(output.status.success(), "gpg: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// gpg leaves an agent behind.
impl Drop for Gpg {
    fn drop(&mut self) {
        let home: &Path = self.home.path();
        drop(Command::new("gpgconf").arg("--homedir").arg(home).args(["--kill", "all"]).output());
    }
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need gpg: apt-get install gnupg");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}
