//! System calls that fail on purpose.

use std::{path::Path, process::Command};

/// Why there is no strace here, if there is none that may trace.
pub(crate) fn missing() -> Option<String> {
    let output = Command::new("strace").args(["-D", "-o", "/dev/null", "true"]).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("strace: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("strace cannot be run: {error}")),
    }
}

/// The command under which these calls fail with this error, each `when` (as strace takes it) a thread.
/// The process is the traced one, and what it called is written to `trace`.
pub(crate) fn failing(calls: &str, error: &str, when: &str, trace: &Path) -> Vec<String> {
    let words = ["strace", "-D", "-f", "-y", "-qq", "-o"].map(str::to_owned);
    let rest = [
        trace.display().to_string(),
        "-e".to_owned(),
        format!("trace={calls}"),
        "-e".to_owned(),
        format!("inject={calls}:error={error}:when={when}"),
    ];
    words.into_iter().chain(rest).collect()
}

/// The calls of a trace: what is before the result, and whether it was made to fail.
pub(crate) fn calls(trace: &Path) -> Vec<(String, bool)> {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    text.lines().map(|line| (line.to_owned(), line.contains("(INJECTED)"))).collect()
}
