//! Key files: ZeroMQ certificates as Laniakea's key tool writes them.

use std::{
    fs::File,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use laniakea_files::Refusal;

use super::{InvalidName, KeyId, SignerId, SigningKey, UnfitKey, Validity, VerifyingKey};
use crate::base64::decode_base64;

mod marks;
mod text;

/// Far more than any key file holds.
const MAX_BYTES: u64 = 64 * 1024;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file could not be read.
    #[error("could not read the key file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is something else than a regular file, or far too large for a key.
    #[error("{} is no key file", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it is.
        source: Refusal,
    },
    /// Somebody else can read the secret.
    #[error(
        "the secret key file {} can be read by group or others (mode {mode:04o}): chmod 600 it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The text is no key file.
    #[error("the key file {} is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MalformedKeyFile,
    },
    /// A public key file where a secret one is needed.
    #[error("the key file {} holds no signing key", path.display())]
    NoSigningKey {
        /// The file.
        path: PathBuf,
    },
}

/// What is wrong with the text of a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedKeyFile {
    /// Not text, or longer than any key file.
    #[error("it is no text of at most 64 KiB")]
    NotText,
    /// A line that is no section, no `name = "value"` and no comment.
    #[error("line {0} is no section, no `name = \"value\"` and no comment")]
    Line(usize),
    /// The same entry twice.
    #[error("line {0} repeats an entry")]
    Repeated(usize),
    /// A required entry is absent.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// The signer's id or key id is no name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The public key must not be trusted.
    #[error(transparent)]
    Unfit(#[from] UnfitKey),
    /// The secret is not 32 bytes in base64.
    #[error("the signing key is not the base64 of 32 bytes")]
    SigningKey,
    /// The two halves belong to different keys.
    #[error("the signing key does not belong to the verify key")]
    Mismatch,
    /// A CURVE key is not 40 characters of Z85.
    #[error("`{0}` is not 40 characters of Z85")]
    Curve(&'static str),
    /// A mark in the `trust` section is no time.
    #[error("`{0}` is not a time with an offset, such as 2026-11-25T12:00:00Z")]
    Mark(&'static str),
    /// The key would end before it begins.
    #[error("`valid-from` is not before `valid-until`")]
    NeverValid,
}

/// Whose key it is, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// A name.
    pub name: String,
    /// An address.
    pub email: String,
    /// An organisation.
    pub organization: String,
    /// When the key was made, as `YYYY-MM-DD HH:MM:SS`.
    pub date_created: String,
}

/// The keys that encrypt connections, in Z85.
#[derive(Clone, PartialEq, Eq)]
pub struct CurveKeys {
    /// The public key.
    pub public: String,
    /// The secret key, in secret files only.
    pub secret: Option<String>,
}

/// Shows the public half only.
impl std::fmt::Debug for CurveKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CurveKeys").field("public", &self.public).finish_non_exhaustive()
    }
}

/// One key file, public or secret.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// The signer's name: the `id` inside the file.
    pub signer: SignerId,
    /// Which of the signer's keys this is.
    pub key_id: KeyId,
    /// Whose key it is, for people.
    pub metadata: Metadata,
    /// The keys for encrypted connections; absent in a sign-only key.
    pub curve: Option<CurveKeys>,
    /// The key that verifies.
    pub verify_key: VerifyingKey,
    /// The key that signs, in secret files only.
    pub signing_key: Option<SigningKey>,
    /// When the key counts. Means something in the trusted directory alone, and is part of
    /// neither text below: whoever trusts a key says for how long.
    pub validity: Validity,
}

impl KeyFile {
    /// Reads a public key file, or the public half of a secret one.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Self::read(open(path)?, path)
    }

    /// Reads a secret key file; one that group or others can read is refused.
    ///
    /// Files under `$CREDENTIALS_DIRECTORY` are guarded by systemd, whatever their mode.
    pub fn load_secret(path: &Path) -> Result<Self, KeyFileError> {
        let file = open(path)?;
        let metadata = file.metadata().map_err(|source| read_error(path, source))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 && !is_credential(path) {
            return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
        }
        Self::read(file, path)
    }

    fn read(file: File, path: &Path) -> Result<Self, KeyFileError> {
        let bytes = laniakea_files::read_at_most(file, MAX_BYTES);
        let bytes = bytes.map_err(|source| read_error(path, source))?;
        Self::parse(&bytes)
            .map_err(|source| KeyFileError::Malformed { path: path.to_owned(), source })
    }

    /// Parses the text of a key file.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedKeyFile> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(MalformedKeyFile::NotText);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| MalformedKeyFile::NotText)?;
        let entries = text::Entries::parse(text)?;
        let signer = SignerId::parse(entries.required("metadata/id")?)?;
        let key_id = KeyId::parse(entries.optional("ed/key-id").unwrap_or("0"))?;
        let verify_key = VerifyingKey::parse(entries.required("ed/verify-key")?)?;
        let signing_key = entries
            .optional("ed/signing-key")
            .map(|text| parse_signing_key(text, &signer, &key_id, &verify_key))
            .transpose()?;
        let metadata = Metadata {
            name: entries.text("metadata/name"),
            email: entries.text("metadata/email"),
            organization: entries.text("metadata/organization"),
            date_created: entries.text("metadata/date-created"),
        };
        Ok(Self {
            curve: parse_curve(&entries)?,
            validity: marks::parse(&entries)?,
            signer,
            key_id,
            metadata,
            verify_key,
            signing_key,
        })
    }

    /// The text to hand to others.
    pub fn public_text(&self) -> String {
        text::write(self, text::Half::Public)
    }

    /// The text to keep, if the file has a secret.
    pub fn secret_text(&self) -> Option<String> {
        self.signing_key.as_ref().map(|_| text::write(self, text::Half::Secret))
    }

    /// The text of a key file with these marks in its `trust` section. Marks that are absent here
    /// and everything else in the text stay as they are, comments included.
    pub fn mark(text: &str, validity: &Validity) -> String {
        marks::write(text, validity)
    }

    pub(super) fn signing_key(self, path: &Path) -> Result<SigningKey, KeyFileError> {
        self.signing_key.ok_or_else(|| KeyFileError::NoSigningKey { path: path.to_owned() })
    }
}

fn parse_signing_key(
    text: &str,
    signer: &SignerId,
    key_id: &KeyId,
    verify_key: &VerifyingKey,
) -> Result<SigningKey, MalformedKeyFile> {
    let seed = decode_base64(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let seed = seed.ok_or(MalformedKeyFile::SigningKey)?;
    let key = SigningKey::from_seed(signer.clone(), key_id.clone(), &seed);
    if key.verifying_key() != *verify_key {
        return Err(MalformedKeyFile::Mismatch);
    }
    Ok(key)
}

fn parse_curve(entries: &text::Entries<'_>) -> Result<Option<CurveKeys>, MalformedKeyFile> {
    let key = |name: &'static str| {
        let text = entries.optional(name).filter(|text| !text.is_empty());
        text.map(|text| is_z85(text).then(|| text.to_owned()).ok_or(MalformedKeyFile::Curve(name)))
            .transpose()
    };
    let secret = key("curve/secret-key")?;
    Ok(key("curve/public-key")?.map(|public| CurveKeys { public, secret }))
}

fn is_z85(text: &str) -> bool {
    text.len() == 40
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:+=^!/*?&<>()[]{}@%$#".contains(&byte))
}

fn open(path: &Path) -> Result<File, KeyFileError> {
    laniakea_files::open(path).map_err(|source| read_error(path, source))
}

fn read_error(path: &Path, source: io::Error) -> KeyFileError {
    let path = path.to_owned();
    match Refusal::of(&source) {
        Some(source) => KeyFileError::Refused { path, source },
        None => KeyFileError::Read { path, source },
    }
}

fn is_credential(path: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|directory| !directory.is_empty() && path.starts_with(directory))
}

#[cfg(test)]
mod tests;
