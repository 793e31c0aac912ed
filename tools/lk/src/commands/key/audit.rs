//! `lk key audit`: find keys and rights that are not as they should be.

mod findings;
mod secrets;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use laniakea_event::keys::KeyDirectory;
use serde_json::json;

use self::findings::{Finding, audit_trust};
use super::config::{DEFAULT_CONFIG, KeyConfig};
use crate::{
    failure::Explain as _,
    output::{Facts, print_json},
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
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let config = KeyConfig::load(&self.config)?;
        let keys_dir = &config.trust.keys_dir;
        let directory = KeyDirectory::load(keys_dir)
            .with_context(|| format!("could not read {}", keys_dir.display()))
            .or_usage()?;
        let mut findings = secrets::audit_secrets(&config);
        findings.extend(audit_trust(&config.trust, &directory));
        let keys = directory.keyring().iter().count();
        self.print(keys, &findings)?;
        if findings.is_empty() {
            return Ok(());
        }
        bail!("{} of the keys and rights need attention", findings.len())
    }

    fn print(&self, keys: usize, findings: &[Finding]) -> anyhow::Result<()> {
        if self.json {
            let findings: Vec<_> = findings
                .iter()
                .map(|finding| json!({"finding": finding.kind, "detail": finding.detail}))
                .collect();
            return print_json(&json!({"keys": keys, "findings": findings}));
        }
        let mut facts = Facts::default().and("keys", format_args!("{keys} trusted"));
        if findings.is_empty() {
            facts.push("findings", "none");
        }
        for finding in findings {
            facts.push(finding.kind, &finding.detail);
        }
        facts.print(0)?;
        Ok(())
    }
}
