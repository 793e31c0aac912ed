//! The marks in a trusted key file, read, and written so that everything else in the file stays.

use jiff::Timestamp;

use super::{MalformedKeyFile, text::Entries};
use crate::keys::{Validity, validity::parse_moment};

const SECTION: &str = "trust";
const FROM: &str = "valid-from";
const UNTIL: &str = "valid-until";
const REVOKED: &str = "revoked";

pub(super) fn parse(entries: &Entries<'_>) -> Result<Validity, MalformedKeyFile> {
    let mark = |name: &'static str| {
        let text = entries.optional(&format!("{SECTION}/{name}"));
        text.map(|text| parse_moment(text).ok_or(MalformedKeyFile::Mark(name))).transpose()
    };
    let validity = Validity { from: mark(FROM)?, until: mark(UNTIL)?, revoked: mark(REVOKED)? };
    match (validity.from, validity.until) {
        (Some(from), Some(until)) if from >= until => Err(MalformedKeyFile::NeverValid),
        _ => Ok(validity),
    }
}

/// The text of a key file with these marks in place of its own; a mark that is absent here stays
/// as it was in the text, as do comments and whatever else stands there.
pub(super) fn write(text: &str, validity: &Validity) -> String {
    let marks = [(FROM, validity.from), (UNTIL, validity.until), (REVOKED, validity.revoked)];
    marks
        .into_iter()
        .filter_map(|(name, time)| Some((name, time?)))
        .fold(text.to_owned(), |text, (name, time)| set(&text, name, time))
}

fn set(text: &str, name: &str, time: Timestamp) -> String {
    let line = format!("    {name} = \"{time}\"\n");
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut section = "";
    // Behind the last entry of the section.
    let mut end = None;
    for (at, old) in lines.iter_mut().enumerate() {
        let content = old.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if old.starts_with([' ', '\t']) {
            let found = content.split_once('=').map(|(found, _)| found.trim());
            if section == SECTION && found == Some(name) {
                *old = &line;
                return lines.concat();
            }
        } else {
            section = content;
        }
        if section == SECTION {
            end = Some(at + 1);
        }
    }
    let (at, mut added) = match end {
        Some(end) => (end, line),
        None => (lines.len(), format!("{SECTION}\n{line}")),
    };
    if lines.iter().take(at).next_back().is_some_and(|last| !last.ends_with('\n')) {
        added.insert(0, '\n');
    }
    lines.insert(at, &added);
    lines.concat()
}
