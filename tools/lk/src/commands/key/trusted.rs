//! The trusted keys as they stand, and what is refused because of them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use laniakea_daemon::TrustConfig;
use laniakea_event::{
    SignerId, VerifyingKey,
    keys::{KeyDirectory, KeyFile, TrustedFile, Validity},
};

use super::{config::KeyConfig, replace::replace};
use crate::failure::{Explain as _, hinted, usage};

/// The directory of trusted keys.
pub(super) struct TrustedKeys {
    keys_dir: PathBuf,
    pub(super) directory: KeyDirectory,
}

impl TrustedKeys {
    /// Reads what can be read of it.
    pub(super) fn load(trust: &TrustConfig) -> anyhow::Result<Self> {
        let keys_dir = trust.keys_dir.clone();
        let directory = KeyDirectory::load(&keys_dir)
            .with_context(|| format!("could not read {}", keys_dir.display()))
            .or_usage()?;
        Ok(Self { keys_dir, directory })
    }

    /// Reads it to add to it: then all of it must be in order.
    pub(super) fn load_to_add(trust: &TrustConfig) -> anyhow::Result<Self> {
        let this = Self::load(trust)?;
        if let Some(problem) = this.directory.problems().first() {
            return Err(usage(hinted(anyhow!("{problem}"), "mend or remove it first")));
        }
        Ok(this)
    }

    /// The directory's path.
    pub(super) fn path(&self) -> &Path {
        &self.keys_dir
    }

    /// The files of this signer's keys.
    pub(super) fn of(&self, signer: &SignerId) -> Vec<(&Path, &TrustedFile)> {
        self.directory.files().filter(|(_, file)| file.signer == *signer).collect()
    }

    /// Two signers with one key could not be told apart.
    pub(super) fn refuse_shared(&self, key: &KeyFile) -> anyhow::Result<()> {
        let curve = key.curve.as_ref().map(|curve| &curve.public);
        for (_, TrustedFile { signer, key_id, key: known, curve: known_curve }) in
            self.directory.files()
        {
            let is_itself = *signer == key.signer && *key_id == key.key_id;
            if known.key == key.verify_key && !is_itself {
                let error =
                    anyhow!("this key is trusted already, as that of {signer}, key {key_id}");
                return Err(usage(error));
            }
            if *signer != key.signer && curve.is_some() && known_curve.as_ref() == curve {
                return Err(usage(anyhow!("its CURVE key is that of {signer} already")));
            }
        }
        Ok(())
    }

    /// Where a further key is put, `<id>.pub.key` or `<id>-<key id>.pub.key`.
    pub(super) fn new_path(&self, stem: &str) -> anyhow::Result<PathBuf> {
        let path = self.keys_dir.join(format!("{stem}.pub.key"));
        if path.symlink_metadata().is_ok() {
            bail!("{} exists already", path.display());
        }
        Ok(path)
    }
}

/// A daemon that trusted its own key as somebody else's would believe itself.
pub(super) fn refuse_own(
    signer: &SignerId,
    key: Option<&VerifyingKey>,
    config: &KeyConfig,
) -> anyhow::Result<()> {
    let Some(identity) = &config.identity else { return Ok(()) };
    let own = KeyFile::load(&identity.key_file)
        .context("the daemon's own key must be known, so that it is not trusted by mistake")
        .or_hint("run this as the daemon's user, or as root")?;
    if own.signer == *signer || key == Some(&own.verify_key) {
        return Err(usage(anyhow!("{} is the daemon's own key", own.signer)));
    }
    Ok(())
}

/// Writes the public half of a key as a trusted file with these marks.
pub(super) fn write_trusted(path: &Path, key: &KeyFile, validity: &Validity) -> anyhow::Result<()> {
    write_checked(path, &KeyFile::mark(&key.public_text(), validity), validity)
}

/// More than a key file may have.
const MAX_BYTES: u64 = 64 << 10;

/// Writes marks into a trusted file; everything else in it stays.
pub(super) fn mark(path: &Path, validity: &Validity) -> anyhow::Result<()> {
    let path = path.canonicalize().with_context(|| format!("could not find {}", path.display()))?;
    let text = laniakea_files::read_text(&path, MAX_BYTES)
        .with_context(|| format!("could not read {}", path.display()))?;
    write_checked(&path, &KeyFile::mark(&text, validity), validity)
}

/// A file that could not be read back would keep the key as it was.
fn write_checked(path: &Path, text: &str, validity: &Validity) -> anyhow::Result<()> {
    let written = KeyFile::parse(text.as_bytes())
        .with_context(|| format!("{} would be damaged; nothing was changed", path.display()))?
        .validity;
    let is_as_meant = [
        (validity.from, written.from),
        (validity.until, written.until),
        (validity.revoked, written.revoked),
    ]
    .iter()
    .all(|(meant, written)| meant.is_none() || meant == written);
    if !is_as_meant {
        bail!("{} would not say what it should; nothing was changed", path.display());
    }
    replace(path, text).with_context(|| format!("could not write {}", path.display()))
}

/// Now, to the microsecond as relays write it.
pub(super) fn now(clock: &dyn laniakea_daemon::Clock) -> Timestamp {
    let now = clock.now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// A time as it is typed: RFC 3339, with an offset.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write a time such as 2026-11-01T00:00:00Z".to_owned())
}
