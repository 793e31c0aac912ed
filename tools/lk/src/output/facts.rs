//! Facts: a name and a value a line, or JSON.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, Write as _},
};

use anstyle::Style;
use laniakea_catalog::visible;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use crate::output::pad;

const NAME: Style = Style::new().dimmed();
const HEADING: Style = Style::new().bold();

/// Facts to print, with their values in one column.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(String, String)>);

impl Facts {
    /// The facts so far and another one.
    #[must_use]
    pub(crate) fn and(mut self, name: &str, value: impl Display) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a fact.
    pub(crate) fn push(&mut self, name: &str, value: impl Display) {
        self.0.push((visible(name), visible(&value.to_string())));
    }

    /// Prints them on stdout, as an object if `json` is asked for.
    pub(crate) fn print_as(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return print_json(&self.0.iter().map(json_member).collect::<BTreeMap<_, _>>());
        }
        self.print(0)?;
        Ok(())
    }

    /// Prints them on stdout, indented by so many columns.
    pub(crate) fn print(&self, indent: usize) -> io::Result<()> {
        let widest = self.0.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        let mut out = anstream::stdout().lock();
        for (name, value) in &self.0 {
            let name = pad(name, widest);
            writeln!(out, "{:indent$}{NAME}{name}{NAME:#}  {value}", "")?;
        }
        out.flush()
    }

    /// Prints them under a heading, if there are any.
    pub(crate) fn print_under(&self, heading: &str) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(anstream::stdout(), "{HEADING}{heading}{HEADING:#}")?;
        self.print(2)
    }
}

fn json_member((name, value): &(String, String)) -> (String, &str) {
    (name.replace(' ', "_"), value)
}

/// Prints one JSON text on stdout.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    // In one piece, so that a reader that went away is seen for what it is.
    let text = serde_json::to_string_pretty(value)?;
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}
