//! What is said to the person at the terminal, beside what was asked for: on stderr.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};

use laniakea_catalog::visible_lines;

const NOTE: Style = Style::new().dimmed();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notices {
    /// Only what may be wrong.
    Warnings,
    /// Everything.
    All,
}

impl Notices {
    /// Says what happens.
    pub(crate) fn note(self, text: &str) {
        self.say(Self::All, NOTE, "note:", text);
    }

    /// Says what may be wrong.
    pub(crate) fn warning(self, text: &str) {
        self.say(Self::Warnings, WARNING, "warning:", text);
    }

    fn say(self, level: Self, style: Style, word: &str, text: &str) {
        if self >= level {
            say(style, word, text);
        }
    }
}

/// Writes a line to stderr: a word in that style, and the text with nothing hidden in it.
pub(crate) fn say(style: Style, word: &str, text: &str) {
    // There is nobody to tell that stderr is closed.
    drop(writeln!(anstream::stderr(), "{style}{word}{style:#} {}", visible_lines(text, 2)));
}
