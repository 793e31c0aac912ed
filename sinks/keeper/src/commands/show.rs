//! Foreign text and times, fit for a terminal.

use jiff::Timestamp;
use keeper::ledger::Overruns;
use laniakea_catalog::visible_lines;

/// Text that may have several lines, as it was given by others.
pub(crate) fn lines_of(text: &str) -> String {
    visible_lines(text, 4)
}

/// `2026-11-23 16:00:00Z`
pub(crate) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `1 event`, `500 events`
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// What is wrong with a rule that costs too much.
pub(crate) fn costly(overruns: &Overruns) -> String {
    let Overruns { rule, events, last } = overruns;
    let events = counted(*events, "event");
    format!(
        "rule {rule}: its `where` cost too much for {events}, last at {}; they did not match",
        moment(*last)
    )
}
