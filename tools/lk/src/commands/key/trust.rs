//! `lk key trust`: let a relay or consumer trust a public key.

mod document;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use jiff::Timestamp;
use laniakea_daemon::Age;
use laniakea_event::{
    EmitRule, InvalidEmitRule, SignerId,
    keys::{KeyFile, Validity},
};

use self::document::TrustDocument;
use super::{
    config::{DEFAULT_CONFIG, KeyConfig},
    file_stem,
    replace::replace,
    rotation::{OVERLAP, Rotation, replace_key},
    trusted::{TrustedKeys, moment, now, refuse_own, write_trusted},
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
    #[command(flatten)]
    rotation: RotationArguments,
    /// The key counts from this time on (2026-11-01T00:00:00Z).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    valid_from: Option<Timestamp>,
    /// The key counts no more from this time on.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    valid_until: Option<Timestamp>,
    /// The configuration of the relay or consumer that is to trust the key.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print what is trusted now as JSON.
    #[arg(long)]
    json: bool,
}

/// A further key of a signer that is known.
#[derive(Debug, Args)]
struct RotationArguments {
    /// Its owner is known already, and this is a further key with a key id of its own.
    #[arg(long, conflicts_with_all = ["emit", "relay"])]
    rotate: bool,
    /// How long the owner's other keys stay valid beside it: 7d, 12h, unlimited.
    #[arg(long, value_name = "DURATION", default_value = OVERLAP, requires = "rotate")]
    overlap: Age,
    /// Put it in place of the owner's key with the same key id, which is then not known any more:
    /// for Laniakea's Python modules, which know key 0 only.
    #[arg(long, requires = "rotate", conflicts_with = "overlap")]
    replace: bool,
}

fn rule(text: &str) -> Result<EmitRule, InvalidEmitRule> {
    EmitRule::parse(text)
}

impl TrustKey {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let key = KeyFile::load(&self.file)?;
        if key.signer != self.id {
            let error =
                anyhow!("{} is the key of {}, not of {}", self.file.display(), key.signer, self.id);
            return Err(usage(hinted(error, "`lk key show` shows whose key a file holds")));
        }
        let now = now(session.clock);
        let validity = self.validity(now)?;
        let config = KeyConfig::load(&self.config)?;
        refuse_own(&key.signer, Some(&key.verify_key), &config)?;
        let trusted = TrustedKeys::load_to_add(&config.trust)?;
        if self.rotation.rotate {
            return self.rotate(&key, validity, &trusted, now);
        }
        refuse_known(&key, &trusted)?;
        trusted.refuse_shared(&key)?;
        let path = trusted.new_path(file_stem(&key.signer)?)?;
        // The rights first: a crash in between leaves rights that nobody can use, and the same
        // command mends it.
        let may_emit = self.grant(&key.signer)?;
        write_trusted(&path, &key, &validity)?;
        self.report(&key, &path, &may_emit, session)
    }

    fn validity(&self, now: Timestamp) -> anyhow::Result<Validity> {
        let (from, until) = (self.valid_from, self.valid_until);
        if let Some(until) = until
            && until <= from.unwrap_or(now).max(now)
        {
            return Err(usage(anyhow!("with --valid-until {until} the key would never be valid")));
        }
        Ok(Validity { from, until, revoked: None })
    }

    fn rotate(
        &self,
        key: &KeyFile,
        validity: Validity,
        trusted: &TrustedKeys,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let facts = |done: &str| {
            Facts::default()
                .and(done, format_args!("{}, key {}", key.signer, key.key_id))
                .and("fingerprint", key.verify_key.fingerprint())
        };
        if self.rotation.replace {
            trusted.refuse_shared(key)?;
            let path = replace_key(trusted, key, &validity)?;
            return facts("replaced").and("key file", path.display()).print_as(self.json);
        }
        let rotation = Rotation { trusted, key, validity, overlap: self.rotation.overlap, now };
        rotation.check()?;
        trusted.refuse_shared(key)?;
        let rotated = rotation.run()?;
        rotated.tell(facts("trusted")).and("key file", rotated.path.display()).print_as(self.json)
    }

    /// Writes what the signer may do into the configuration; returns what it may emit.
    fn grant(&self, signer: &SignerId) -> anyhow::Result<Vec<String>> {
        let path = self.config.canonicalize();
        let path = path.with_context(|| format!("could not find {}", self.config.display()))?;
        let text = laniakea_files::read_text(&path, 1 << 20)
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

/// A second key of a known signer is a rotation, which has to be meant.
fn refuse_known(key: &KeyFile, trusted: &TrustedKeys) -> anyhow::Result<()> {
    let Some((path, known)) = trusted.of(&key.signer).into_iter().next() else { return Ok(()) };
    let error = anyhow!("{} is trusted already, with key {}", key.signer, known.key_id);
    let hint = format!("its file is {}; a further key is added with --rotate", path.display());
    Err(usage(hinted(error, hint)))
}
