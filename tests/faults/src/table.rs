//! The outcomes as a table for people.

use std::fmt::Write as _;

use crate::Outcome;

/// One row a trial, and under the rows what is to be said about each.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<13} {:>7} {:>9} {:>13} {:>5} {:>11} {:>10} {:>8} {:>9}  {}\n",
        "trial",
        "faults",
        "sent",
        "acknowledged",
        "lost",
        "duplicated",
        "reordered",
        "altered",
        "recovery",
        "verdict"
    );
    for outcome in outcomes {
        let findings = &outcome.findings;
        let recovery = outcome.recovery.map(|took| format!("{:.2} s", took.as_secs_f64()));
        let verdict = match (&outcome.skipped, outcome.failures().is_empty()) {
            (_, false) => "FAILED",
            (None, true) => "passed",
            (Some(_), true) if outcome.faults == 0 => "SKIPPED",
            (Some(_), true) => "passed, some SKIPPED",
        };
        writeln!(
            text,
            "{:<13} {:>7} {:>9} {:>13} {:>5} {:>11} {:>10} {:>8} {:>9}  {}",
            outcome.name,
            outcome.faults,
            findings.sent,
            findings.acknowledged,
            findings.lost.len(),
            findings.duplicated.len(),
            findings.reordered.len(),
            findings.altered.len(),
            recovery.unwrap_or_else(|| "-".to_owned()),
            verdict
        )
        .unwrap();
    }
    for outcome in outcomes {
        let Outcome { name, findings, .. } = outcome;
        writeln!(
            text,
            "\n{name}: refusals {}, delivered again to at-least-once consumers {}",
            findings.rejections, findings.redelivered
        )
        .unwrap();
        for note in &outcome.notes {
            writeln!(text, "  {note}").unwrap();
        }
        if let Some(why) = &outcome.skipped {
            writeln!(text, "  SKIPPED: {why}").unwrap();
        }
        for failure in outcome.failures() {
            writeln!(text, "  FAILED: {failure}").unwrap();
        }
    }
    text
}
