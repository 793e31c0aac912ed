//! Foreign text and times, fit for a terminal.

use std::fmt::Write as _;

use jiff::Timestamp;
use laniakea_catalog::is_hidden;

/// Writes out what a terminal would obey or not show. Lines stay lines, each but the first
/// indented, so that none of them can pass for one of ours.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' => shown.push_str("\n    "),
            '\t' => shown.push(' '),
            '\u{2028}' | '\u{2029}' => drop(write!(shown, "{}", character.escape_unicode())),
            _ if is_hidden(character) => drop(write!(shown, "{}", character.escape_unicode())),
            _ => shown.push(character),
        }
    }
    shown
}

/// `2026-11-23 16:00:00Z`
pub(crate) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hostile_reaches_the_terminal() {
        assert_eq!(
            visible("a\u{1b}[31mb\n2026 ok\r\u{202e}"),
            "a\\u{1b}[31mb\n    2026 ok\\u{d}\\u{202e}"
        );
    }
}
