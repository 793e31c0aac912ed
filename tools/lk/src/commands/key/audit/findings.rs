//! What may be wrong with keys and rights.

use std::collections::BTreeSet;

use laniakea_daemon::TrustConfig;
use laniakea_event::{
    EmitRule,
    keys::{KeyDirectory, KeyProblem},
};

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Which kind of thing, in a word.
    pub(super) kind: &'static str,
    /// What exactly.
    pub(super) detail: String,
}

impl Finding {
    pub(super) fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// Compares the rights with the keys.
pub(super) fn audit_trust(trust: &TrustConfig, directory: &KeyDirectory) -> Vec<Finding> {
    let mut findings: Vec<Finding> = directory.problems().iter().map(describe).collect();
    let keyring = directory.keyring();
    let signers: BTreeSet<&str> = keyring.iter().map(|(signer, ..)| signer.as_str()).collect();
    let relays: BTreeSet<&str> = trust.relays.iter().map(String::as_str).collect();
    for signer in &signers {
        let may_emit = trust.emit.get(*signer).is_some_and(|rules| !rules.is_empty());
        if !may_emit && !relays.contains(signer) {
            findings.push(Finding::new(
                "may emit nothing",
                format!("{signer} is trusted and has no rights"),
            ));
        }
    }
    for relay in &relays {
        if !signers.contains(relay) {
            findings.push(Finding::new("unknown id", format!("{relay} in `relays` has no key")));
        }
    }
    for (signer, rules) in &trust.emit {
        if !signers.contains(signer.as_str()) {
            let detail = format!("{signer} in [trust.emit] has no key");
            findings.push(Finding::new("unknown id", detail));
        }
        if relays.contains(signer.as_str()) {
            let detail = format!("{signer} is listed as a relay and may emit events");
            findings.push(Finding::new("relay emits", detail));
        }
        let wrong = rules.iter().filter_map(|rule| EmitRule::parse(rule).err());
        findings.extend(wrong.map(|error| Finding::new("bad rule", format!("{signer}: {error}"))));
    }
    findings
}

fn describe(problem: &KeyProblem) -> Finding {
    let kind = match problem {
        KeyProblem::Ambiguous { .. } => "duplicate id",
        KeyProblem::SharedCurveKey { .. } => "shared CURVE key",
        _ => "damaged",
    };
    Finding::new(kind, problem.to_string())
}
