//! `lk key trust`: let a relay or consumer trust a public key.

mod document;
mod replace;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use laniakea_daemon::TrustConfig;
use laniakea_event::{
    EmitRule, InvalidEmitRule, SignerId,
    keys::{KeyDirectory, KeyFile},
};

use self::{document::TrustDocument, replace::replace};
use super::{
    config::{DEFAULT_CONFIG, KeyConfig},
    file_stem,
};
use crate::{
    failure::{Explain as _, hinted, usage},
    output::Facts,
    session::Session,
};

/// Arguments of `lk key trust`.
#[derive(Debug, Args)]
pub(crate) struct TrustKey {
    /// The public key file. Compare its fingerprint with its owner over another channel first.
    file: PathBuf,
    /// Who its owner is: must be the id in the file.
    #[arg(long)]
    id: SignerId,
    /// What its owner may emit: a whole id, or a prefix that ends in a dot. Can be repeated.
    #[arg(long, value_name = "PREFIX", value_parser = rule)]
    emit: Vec<EmitRule>,
    /// Its owner is a relay, and never a source.
    #[arg(long, conflicts_with = "emit")]
    relay: bool,
    /// The configuration of the relay or consumer that is to trust the key.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print what is trusted now as JSON.
    #[arg(long)]
    json: bool,
}

fn rule(text: &str) -> Result<EmitRule, InvalidEmitRule> {
    EmitRule::parse(text)
}

impl TrustKey {
    /// Writes the rights first: a crash in between leaves rights that nobody can use, and the
    /// same command mends it.
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let key = KeyFile::load(&self.file)?;
        if key.signer != self.id {
            let error =
                anyhow!("{} is the key of {}, not of {}", self.file.display(), key.signer, self.id);
            return Err(usage(hinted(error, "`lk key show` shows whose key a file holds")));
        }
        let stem = file_stem(&key.signer)?;
        let config = KeyConfig::load(&self.config)?;
        refuse_own(&key, &config)?;
        refuse_known(&key, &config.trust)?;
        let path = config.trust.keys_dir.join(format!("{stem}.pub.key"));
        if path.symlink_metadata().is_ok() {
            bail!("{} exists already", path.display());
        }
        let may_emit = self.grant(&key.signer)?;
        replace(&path, &key.public_text())
            .with_context(|| format!("could not write {}", path.display()))?;
        self.report(&key, &path, &may_emit, session)
    }

    /// Writes what the signer may do into the configuration; returns what it may emit.
    fn grant(&self, signer: &SignerId) -> anyhow::Result<Vec<String>> {
        let path = self.config.canonicalize();
        let path = path.with_context(|| format!("could not find {}", self.config.display()))?;
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("could not read {}", path.display()))?;
        let mut document = TrustDocument::parse(&text)
            .with_context(|| format!("could not read {}", path.display()))
            .or_usage()?;
        if self.relay {
            document.add_relay(signer).or_usage()?;
        } else {
            document.allow(signer, &self.emit).or_usage()?;
        }
        if document.text() != text {
            replace(&path, &document.text())
                .with_context(|| format!("could not write {}", path.display()))?;
        }
        Ok(document.allowed(signer))
    }

    fn report(
        &self,
        key: &KeyFile,
        path: &Path,
        may_emit: &[String],
        session: &Session<'_>,
    ) -> anyhow::Result<()> {
        let role = match may_emit {
            _ if self.relay => "is a relay".to_owned(),
            [] => "nothing".to_owned(),
            rules => rules.join(" "),
        };
        Facts::default()
            .and("trusted", format_args!("{}, key {}", key.signer, key.key_id))
            .and("fingerprint", key.verify_key.fingerprint())
            .and(if self.relay { "role" } else { "may emit" }, role)
            .and("key file", path.display())
            .and("config", self.config.display())
            .print_as(self.json)?;
        session.notices.note(
            "keys take effect by themselves; what a signer may emit when the daemon reloads its \
             configuration (SIGHUP)",
        );
        Ok(())
    }
}

/// A daemon that trusted its own key as somebody else's would believe itself.
fn refuse_own(key: &KeyFile, config: &KeyConfig) -> anyhow::Result<()> {
    let Some(identity) = &config.identity else { return Ok(()) };
    let own = KeyFile::load(&identity.key_file)
        .context("the daemon's own key must be known, so that it is not trusted by mistake")
        .or_hint("run this as the daemon's user, or as root")?;
    if own.signer == key.signer || own.verify_key == key.verify_key {
        return Err(usage(anyhow!("{} is the daemon's own key", own.signer)));
    }
    Ok(())
}

/// A second key of a known signer is a rotation, which has to be meant.
fn refuse_known(key: &KeyFile, trust: &TrustConfig) -> anyhow::Result<()> {
    let directory = KeyDirectory::load(&trust.keys_dir)
        .with_context(|| format!("could not read {}", trust.keys_dir.display()))
        .or_usage()?;
    if let Some(problem) = directory.problems().first() {
        return Err(usage(hinted(anyhow!("{problem}"), "mend or remove it first")));
    }
    for (signer, key_id, known) in directory.keyring().iter() {
        if known.key == key.verify_key && *signer != key.signer {
            return Err(usage(anyhow!("this key is trusted already, as that of {signer}")));
        }
        if *signer == key.signer {
            let error = anyhow!("{signer} is trusted already, with key {key_id}");
            let hint = format!("its file is in {}", trust.keys_dir.display());
            return Err(usage(hinted(error, hint)));
        }
    }
    Ok(())
}
