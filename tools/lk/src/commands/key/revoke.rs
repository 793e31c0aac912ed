//! `lk key revoke`: mark keys as no longer to be believed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use laniakea_event::{
    KeyId, SignerId,
    keys::{KeyProblem, TrustedFile, Validity},
};
use serde_json::json;

use super::{
    config::{DEFAULT_CONFIG, KeyConfig},
    trusted::{TrustedKeys, mark, moment, now},
};
use crate::{
    failure::{hinted, usage},
    output::{Facts, print_json},
    session::Session,
};

/// Arguments of `lk key revoke`.
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Whose keys: all of ID's, or one of them.
    #[arg(value_name = "ID[:KEY-ID]")]
    whose: String,
    /// From when on they do not count; date it back to when the key may have been stolen
    /// [default: now].
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// The configuration of the relay or consumer that trusts the key.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print what was revoked as JSON.
    #[arg(long)]
    json: bool,
}

impl Revoke {
    /// Does what can be done although other files may be damaged: a revocation is urgent.
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let config = KeyConfig::load(&self.config)?;
        let trusted = TrustedKeys::load(&config.trust)?;
        let problems = trusted.directory.problems();
        let files = find(&self.whose, &trusted);
        if files.is_empty() {
            let error = anyhow!("{} is not among the trusted keys", self.whose);
            let mut hint = vec![format!("there are {}", known(&trusted))];
            hint.extend(problems.iter().map(ToString::to_string));
            return Err(usage(hinted(error, hint.join("; "))));
        }
        let now = now(session.clock);
        let mut facts = Facts::default();
        let mut objects = Vec::new();
        for (path, file) in files {
            let revoked =
                self.at.unwrap_or_else(|| file.key.validity.revoked.unwrap_or(now).min(now));
            mark(path, &Validity { revoked: Some(revoked), ..Validity::ALWAYS })?;
            facts.push(
                "revoked",
                format_args!("{}, key {}, at {revoked}", file.signer, file.key_id),
            );
            facts.push("key file", path.display());
            objects.push(json!({
                "id": file.signer.as_str(),
                "key_id": file.key_id.as_str(),
                "revoked": revoked.to_string(),
                "key_file": path.display().to_string(),
            }));
        }
        if self.json {
            print_json(&json!({"revoked": objects}))?;
        } else {
            facts.print(0)?;
        }
        session.notices.note(
            "it takes effect within seconds wherever this directory is read. Events that a relay \
             took before still verify for consumers who trust that relay. Removing the file would \
             revoke the key as well, and none of its events would verify any more",
        );
        for problem in problems {
            session.notices.warning(&problem.to_string());
        }
        if problems.iter().any(|problem| matches!(problem, KeyProblem::Damaged { .. })) {
            bail!(
                "not every file of {} could be read: a running daemon may still trust what they \
                 held; mend or remove them",
                trusted.path().display()
            );
        }
        Ok(())
    }
}

/// The files that are meant. An id may itself have a colon.
fn find<'a>(whose: &str, trusted: &'a TrustedKeys) -> Vec<(&'a Path, &'a TrustedFile)> {
    let of = |signer: &str, key_id: Option<&str>| -> Vec<_> {
        let is_meant = |file: &TrustedFile| {
            file.signer.as_str() == signer
                && key_id.is_none_or(|key_id| file.key_id.as_str() == key_id)
        };
        trusted.directory.files().filter(|(_, file)| is_meant(file)).collect()
    };
    let all = of(whose, None);
    match whose.rsplit_once(':') {
        Some((signer, key_id)) if all.is_empty() => of(signer, Some(key_id)),
        _ => all,
    }
}

fn known(trusted: &TrustedKeys) -> String {
    let names: BTreeSet<(&SignerId, &KeyId)> =
        trusted.directory.files().map(|(_, file)| (&file.signer, &file.key_id)).collect();
    let names: Vec<String> =
        names.into_iter().map(|(signer, key_id)| format!("{signer}:{key_id}")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
