//! Verifies the signature of a `Release` file with `gpgv`, or with `sqv` where there is no `gpgv`.
//!
//! These are what APT itself uses: one of the two is on every machine that has APT.

mod run;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use self::run::run;
use super::{
    keyring::{KeyringError, binary_keyring},
    signed::Signed,
};

/// Debian's largest, of four keys, has 4 kB. Each signature more costs the verifier time and lines.
const MAX_SIGNATURE_BYTES: usize = 64 << 10;

/// A `Release` file that a trusted key signed, or that the configuration trusts as it is.
#[derive(Debug)]
pub struct VerifiedRelease(Vec<u8>);

/// Why a `Release` file is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A keyring of the configuration cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// No key of the keyrings made a good signature.
    #[error("no good signature by a key of the keyring: {detail}")]
    NoGoodSignature {
        /// What the verifier says about it.
        detail: String,
    },
    /// Neither program is installed.
    #[error("neither gpgv nor sqv is installed")]
    NoVerifier,
    /// The verifier could not be run.
    #[error("could not run {program}")]
    NotRun {
        /// Which one.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// No room for the files that the verifier reads.
    #[error("could not write temporary files")]
    Scratch(#[source] io::Error),
}

impl VerifiedRelease {
    /// Verifies `signed` with the keys in the files `keyrings`.
    ///
    /// # Errors
    ///
    /// See [`VerifyError`].
    pub fn verify(signed: Signed, keyrings: &[PathBuf]) -> Result<Self, VerifyError> {
        let size = signed.signature.len();
        if size > MAX_SIGNATURE_BYTES {
            let detail = format!("{size} bytes of signatures, more than {MAX_SIGNATURE_BYTES}");
            return Err(VerifyError::NoGoodSignature { detail });
        }
        let scratch = tempfile::tempdir().map_err(VerifyError::Scratch)?;
        let case = Case::write(&signed, keyrings, scratch.path())?;
        match case.run_gpgv() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match case.run_sqv() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(VerifyError::NoVerifier)
                }
                Err(source) => Err(VerifyError::NotRun { program: "sqv", source }),
                Ok(output) => judge_sqv(&output),
            },
            Err(source) => Err(VerifyError::NotRun { program: "gpgv", source }),
            Ok(output) => judge_gpgv(&output.stdout),
        }?;
        Ok(Self(signed.message))
    }

    /// Takes a `Release` file without any check, as `trusted = true` asks for.
    pub fn trusted(signed: Signed) -> Self {
        Self(signed.message)
    }

    /// The text that was verified.
    pub fn text(&self) -> &[u8] {
        &self.0
    }
}

/// The files that a verifier is given.
struct Case<'a> {
    scratch: &'a Path,
    keyrings: Vec<PathBuf>,
    message: PathBuf,
    signature: PathBuf,
}

impl<'a> Case<'a> {
    fn write(
        signed: &Signed,
        keyrings: &[PathBuf],
        scratch: &'a Path,
    ) -> Result<Self, VerifyError> {
        let message = scratch.join("Release");
        let signature = scratch.join("Release.gpg");
        fs::write(&message, &signed.message).map_err(VerifyError::Scratch)?;
        fs::write(&signature, &signed.signature).map_err(VerifyError::Scratch)?;
        let keyrings = keyrings
            .iter()
            .enumerate()
            .map(|(number, path)| binary_keyring(path, scratch, number))
            .collect::<Result<_, _>>()?;
        Ok(Self { scratch, keyrings, message, signature })
    }

    fn run_gpgv(&self) -> io::Result<Output> {
        let mut command = self.command("gpgv");
        // Neither the keys nor the options of whoever runs this.
        command.arg("--homedir").arg(self.scratch);
        command.args(["--status-fd", "1", "--weak-digest", "SHA1", "--weak-digest", "RIPEMD160"]);
        self.finish(command)
    }

    fn run_sqv(&self) -> io::Result<Output> {
        self.finish(self.command("sqv"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("LC_ALL", "C").stdin(Stdio::null());
        for keyring in &self.keyrings {
            command.arg("--keyring").arg(keyring);
        }
        command
    }

    fn finish(&self, mut command: Command) -> io::Result<Output> {
        run(command.arg(&self.signature).arg(&self.message))
    }
}

/// Reads what `gpgv` reports, as APT does: one good signature and no bad one. The exit code says
/// nothing, since a file that several keys signed fails as soon as one of them is not ours.
pub(super) fn judge_gpgv(status: &[u8]) -> Result<(), VerifyError> {
    const TROUBLE: [&str; 6] =
        ["BADSIG", "NO_PUBKEY", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA"];
    let status = String::from_utf8_lossy(status);
    let mut good = false;
    let mut bad = false;
    let mut detail = Vec::new();
    for line in status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")) {
        let mut words = line.split(' ');
        let keyword = words.next().unwrap_or_default();
        good |= keyword == "GOODSIG";
        bad |= keyword == "BADSIG";
        if TROUBLE.contains(&keyword) {
            detail.push(format!("{keyword} {}", words.next().unwrap_or_default()));
        }
    }
    if good && !bad {
        return Ok(());
    }
    if detail.is_empty() {
        detail.push("gpgv found no signature".to_owned());
    }
    Err(VerifyError::NoGoodSignature { detail: detail.join(", ") })
}

/// `sqv` succeeds if at least one signature is good.
fn judge_sqv(output: &Output) -> Result<(), VerifyError> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let detail = said.lines().map(str::trim).collect::<Vec<_>>().join("; ");
    let detail = detail[..detail.floor_char_boundary(500)].escape_debug().to_string();
    Err(VerifyError::NoGoodSignature { detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(lines: &[&str]) -> bool {
        let lines: Vec<_> = lines.iter().map(|line| format!("[GNUPG:] {line}")).collect();
        judge_gpgv(lines.join("\n").as_bytes()).is_ok()
    }

    #[test]
    fn one_good_signature_beside_unknown_keys_is_enough() {
        assert!(judge(&["NEWSIG", "GOODSIG 1 A", "VALIDSIG 1", "NEWSIG", "NO_PUBKEY 2"]));
    }

    #[test]
    fn no_signature_and_bad_and_expired_and_revoked_ones_are_not_enough() {
        assert!(!judge(&[]));
        assert!(!judge(&["NODATA 1"]));
        assert!(!judge(&["NO_PUBKEY 2"]));
        assert!(!judge(&["EXPKEYSIG 1 A", "VALIDSIG 1"]));
        assert!(!judge(&["REVKEYSIG 1 A", "VALIDSIG 1"]));
        assert!(!judge(&["GOODSIG 1 A", "VALIDSIG 1", "BADSIG 2 B"]));
    }

    #[test]
    fn a_user_id_cannot_pretend_to_be_a_good_signature() {
        assert!(!judge(&["EXPKEYSIG 1 [GNUPG:] GOODSIG 1"]));
        assert!(judge_gpgv(b"GOODSIG 1 A\n").is_err());
    }
}
