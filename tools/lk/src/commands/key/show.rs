//! `lk key show`: whose key it is, and its fingerprint. Secrets are never shown.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use laniakea_event::keys::{KeyFile, Validity};
use serde_json::{Map, Value as Json, json};

use crate::{
    output::{Facts, print_json},
    session::Session,
};

/// Arguments of `lk key show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A key file, public or secret.
    file: PathBuf,
    /// Print the facts as JSON.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let key = KeyFile::load(&self.file)?;
        let kind = if key.signing_key.is_some() { "secret file" } else { "public file" };
        print(&key, &[(kind, &self.file)], self.json, session)
    }
}

/// Prints what anybody may know of a key, and where its files are.
pub(super) fn print(
    key: &KeyFile,
    files: &[(&str, &Path)],
    json: bool,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let mut facts = facts(key);
    facts.extend(validity(key, session));
    let files = files.iter().map(|(name, path)| (*name, path.display().to_string()));
    if json {
        let mut members: Map<String, Json> =
            facts.into_iter().map(|(name, value)| (name.replace(' ', "_"), json!(value))).collect();
        members.extend(files.map(|(name, path)| (name.replace(' ', "_"), json!(path))));
        return print_json(&members);
    }
    let mut shown = Facts::default();
    let known = facts.into_iter().filter(|(_, value)| !value.is_empty());
    known.for_each(|(name, value)| shown.push(name, value));
    files.for_each(|(name, path)| shown.push(name, path));
    shown.print(0)?;
    Ok(())
}

/// What the marks say, and what that makes of the key now; they mean something in the trusted
/// directory alone.
fn validity(key: &KeyFile, session: &Session<'_>) -> Vec<(&'static str, String)> {
    let Validity { from, until, revoked } = key.validity;
    let mark = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let mut facts =
        vec![("valid from", mark(from)), ("valid until", mark(until)), ("revoked", mark(revoked))];
    if key.validity != Validity::ALWAYS {
        facts.push(("state", key.validity.standing(session.clock.now()).to_string()));
    }
    facts
}

fn facts(key: &KeyFile) -> Vec<(&'static str, String)> {
    let metadata = &key.metadata;
    let curve = key.curve.as_ref();
    vec![
        ("id", key.signer.to_string()),
        ("key id", key.key_id.to_string()),
        ("name", metadata.name.clone()),
        ("email", metadata.email.clone()),
        ("organization", metadata.organization.clone()),
        ("created", metadata.date_created.clone()),
        ("fingerprint", key.verify_key.fingerprint()),
        ("verify key", key.verify_key.to_base64()),
        ("curve key", curve.map(|curve| curve.public.clone()).unwrap_or_default()),
    ]
}
