//! `lk key new`: make a key.

use std::{fs, path::PathBuf};

use anyhow::bail;
use clap::Args;
use laniakea_daemon::{new_key, write_new};
use laniakea_event::{
    KeyId, SignerId,
    keys::{CurveKeys, KeyFile, Metadata},
};
use laniakea_wire::curve::CurvePair;

use super::{file_stem, show};
use crate::{failure::hinted, session::Session};

/// Arguments of `lk key new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Who will sign with it, such as archive-01.
    #[arg(long)]
    id: SignerId,
    /// Which of the signer's keys it is. Laniakea's Python modules know key 0 only.
    #[arg(long, value_name = "N", default_value = "0")]
    key_id: KeyId,
    /// A name for people.
    #[arg(long, default_value = "")]
    name: String,
    /// Whom to ask about the key.
    #[arg(long, default_value = "")]
    email: String,
    /// Whose key it is.
    #[arg(long, default_value = "")]
    organization: String,
    /// Leave out the keys that encrypt connections.
    #[arg(long)]
    sign_only: bool,
    /// Where to write the two files.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

impl New {
    /// Writes the secret first: a public half without it is of no use to anybody.
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let stem = file_stem(&self.id)?;
        let public = self.dir.join(format!("{stem}.key"));
        let secret = self.dir.join(format!("{stem}.key_secret"));
        for path in [&public, &secret] {
            if path.symlink_metadata().is_ok() {
                let error = anyhow::anyhow!("{} exists already", path.display());
                return Err(hinted(error, "name another directory, or move the old key away"));
            }
        }
        let metadata = Metadata {
            name: self.name.clone(),
            email: self.email.clone(),
            organization: self.organization.clone(),
            date_created: String::new(),
        };
        let key = make(&self.id, &self.key_id, metadata, self.sign_only, session)?;
        let Some(secret_text) = key.secret_text() else { bail!("the new key has no secret") };
        write_new(&secret, &secret_text, 0o600)?;
        write_new(&public, &key.public_text(), 0o644).inspect_err(|_| {
            drop(fs::remove_file(&secret));
        })?;
        show::print(&key, &[("public file", &public), ("secret file", &secret)], self.json, session)
    }
}

/// Makes a key of this date, with keys for connections unless it is to sign only.
pub(super) fn make(
    signer: &SignerId,
    key_id: &KeyId,
    metadata: Metadata,
    is_sign_only: bool,
    session: &Session<'_>,
) -> anyhow::Result<KeyFile> {
    let curve = if is_sign_only {
        None
    } else {
        let pair = CurvePair::generate();
        Some(CurveKeys { public: pair.public.to_string(), secret: Some(pair.secret_text()) })
    };
    let date_created = session.clock.now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    let metadata = Metadata { date_created, ..metadata };
    Ok(new_key(signer.clone(), key_id.clone(), metadata, curve)?)
}
