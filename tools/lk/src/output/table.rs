//! Rows in columns, for people.

use std::io::{self, Write as _};

use anstyle::Style;
use jiff::{SignedDuration, Timestamp};
use laniakea_catalog::visible;
use unicode_width::UnicodeWidthStr as _;

use crate::output::pad;

const HEADING: Style = Style::new().bold();

/// Rows of the same number of cells.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    /// Adds a row.
    pub(crate) fn push<const CELLS: usize>(&mut self, cells: &[String; CELLS]) {
        self.0.push(cells.iter().map(|cell| visible(cell)).collect());
    }

    /// Prints the rows on stdout under a heading, if there are any.
    pub(crate) fn print_under(&self, heading: &str) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut out = anstream::stdout().lock();
        writeln!(out, "{HEADING}{heading}{HEADING:#}")?;
        for row in &self.0 {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let cells = self.0.iter().filter_map(|row| row.get(column));
                let widest = cells.map(|cell| cell.width()).max().unwrap_or(0);
                line.push_str("  ");
                line.push_str(&pad(cell, widest));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        out.flush()
    }
}

/// How long ago something was, in its largest unit: `3m`.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).max(SignedDuration::ZERO).as_secs();
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, 's'));
    format!("{}{unit}", seconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, text) in
            [(-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (172_800, "2d")]
        {
            let since = Timestamp::from_second(1_000_000 - seconds).unwrap();
            assert_eq!(age(since, now), text);
        }
    }
}
