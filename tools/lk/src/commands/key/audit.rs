//! `lk key audit`: find keys and rights that are not as they should be.

mod findings;
mod permissions;
mod secrets;
mod validity;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use laniakea_event::keys::KeyDirectory;
use serde_json::{Value as Json, json};

use self::{
    findings::{Finding, Report, audit_trust},
    validity::audit_validity,
};
use super::config::{DEFAULT_CONFIG, KeyConfig};
use crate::{
    failure::Explain as _,
    output::{Facts, print_json},
    session::Session,
};

/// Arguments of `lk key audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The configuration whose keys and rights are looked at.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(crate) fn run(self, session: &Session<'_>) -> anyhow::Result<()> {
        let config = KeyConfig::load(&self.config)?;
        let keys_dir = &config.trust.keys_dir;
        let directory = KeyDirectory::load(keys_dir)
            .with_context(|| format!("could not read {}", keys_dir.display()))
            .or_usage()?;
        let mut report = Report::default();
        report.findings.extend(secrets::audit_secrets(&config));
        report.findings.extend(permissions::audit_permissions(keys_dir));
        audit_trust(&config.trust, &directory, &mut report);
        audit_validity(&directory, session.clock.now(), &mut report);
        let keys = directory.keyring().iter().count();
        self.print(keys, &report)?;
        if report.findings.is_empty() {
            return Ok(());
        }
        bail!("{} of the keys and rights need attention", report.findings.len())
    }

    fn print(&self, keys: usize, report: &Report) -> anyhow::Result<()> {
        if self.json {
            let describe = |name: &str, of: &[Finding]| -> Vec<Json> {
                of.iter().map(|it| json!({name: it.kind, "detail": it.detail})).collect()
            };
            return print_json(&json!({
                "keys": keys,
                "findings": describe("finding", &report.findings),
                "notes": describe("note", &report.notes),
            }));
        }
        let mut facts = Facts::default().and("keys", format_args!("{keys} trusted"));
        if report.findings.is_empty() {
            facts.push("findings", "none");
        }
        for finding in &report.findings {
            facts.push(finding.kind, &finding.detail);
        }
        for note in &report.notes {
            facts.push("note", &note.detail);
        }
        facts.print(0)?;
        Ok(())
    }
}
