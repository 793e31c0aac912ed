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

/// What was seen: what needs attention, and what somebody may want to know.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) notes: Vec<Finding>,
}

/// Compares the rights with the keys.
pub(super) fn audit_trust(trust: &TrustConfig, directory: &KeyDirectory, report: &mut Report) {
    let Report { findings, notes } = report;
    findings.extend(directory.problems().iter().map(describe));
    let files = || directory.files().map(|(_, file)| file);
    let signers: BTreeSet<&str> = files().map(|file| file.signer.as_str()).collect();
    let connecting: BTreeSet<&str> =
        files().filter(|file| file.curve.is_some()).map(|file| file.signer.as_str()).collect();
    let relays: BTreeSet<&str> = trust.relays.iter().map(String::as_str).collect();
    for signer in &signers {
        let may_emit = trust.emit.get(*signer).is_some_and(|rules| !rules.is_empty());
        if may_emit || relays.contains(signer) {
            continue;
        }
        if connecting.contains(signer) {
            let detail = format!("{signer} may connect and emit nothing");
            notes.push(Finding::new("may emit nothing", detail));
        } else {
            let detail = format!("{signer} is trusted, has no rights and cannot connect");
            findings.push(Finding::new("may emit nothing", detail));
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
}

fn describe(problem: &KeyProblem) -> Finding {
    let kind = match problem {
        KeyProblem::Ambiguous { .. } => "duplicate id",
        KeyProblem::SharedCurveKey { .. } => "shared CURVE key",
        _ => "damaged",
    };
    Finding::new(kind, problem.to_string())
}
