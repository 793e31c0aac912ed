//! The outcomes as a table for people.

use std::fmt::Write as _;

use crate::Outcome;

/// One row a trial, and under the rows what is to be said about each.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<10} {:>9} {:>7} {:>9} {:>9} {:>24} {:>10}  {}\n",
        "trial",
        "inputs",
        "crashes",
        "must be 0",
        "inputs/s",
        "MiB start > end (peak)",
        "good event",
        "verdict"
    );
    for outcome in outcomes {
        let mib = |kib: u64| kib.div_ceil(1024);
        let memory = format!(
            "{} > {} ({})",
            mib(outcome.before.resident_kib),
            mib(outcome.after.resident_kib),
            mib(outcome.after.peak_kib)
        );
        let violations: u64 = outcome.zeros.iter().map(|(_, count)| count).sum();
        let good_event = format!("{:.1} ms", outcome.good_event.as_secs_f64() * 1e3);
        let verdict = if outcome.failures().is_empty() { "passed" } else { "FAILED" };
        writeln!(
            text,
            "{:<10} {:>9} {:>7} {:>9} {:>9.0} {:>24} {:>10}  {}",
            outcome.name,
            outcome.inputs,
            outcome.crashes,
            violations,
            outcome.rate,
            memory,
            good_event,
            verdict
        )
        .unwrap();
    }
    for outcome in outcomes {
        let zeros: Vec<String> =
            outcome.zeros.iter().map(|(what, count)| format!("{what} {count}")).collect();
        writeln!(text, "\n{}: {}", outcome.name, zeros.join(", ")).unwrap();
        for note in &outcome.notes {
            writeln!(text, "  {note}").unwrap();
        }
        for failure in outcome.failures() {
            writeln!(text, "  FAILED: {failure}").unwrap();
        }
    }
    text
}
