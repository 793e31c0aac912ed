//! One event a line: time, how much it matters, id, signers, summary.

use anstyle::{AnsiColor, Style};
use laniakea_catalog::{Catalog, Severity, visible};
use laniakea_event::SignerId;
use laniakea_wire::subscription::Delivery;
use unicode_width::UnicodeWidthStr as _;

use crate::output::{
    Zone, pad,
    text::{keep_end, keep_start},
};

const DIM: Style = Style::new().dimmed();
const ID: Style = AnsiColor::Cyan.on_default();
const UNVERIFIED: Style = AnsiColor::Yellow.on_default();

/// Lays out the lines of one run. The columns grow with what is in them, so that lines are
/// aligned and no space is kept for ids that do not come.
#[derive(Debug)]
pub(crate) struct EventLines {
    zone: Zone,
    id_columns: usize,
    signer_columns: usize,
    /// What the line above is dated.
    date: String,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// A terminal of so many columns: what does not fit is shortened, the date is written once a
    /// day, and a narrow one has no column for ids.
    Terminal(usize),
    /// A file or pipe: every line is complete.
    Unlimited,
}

impl Room {
    /// In a narrow terminal ids would leave no room for the summaries, which say the same.
    fn id(self) -> Option<usize> {
        match self {
            Self::Terminal(..120) => None,
            Self::Terminal(columns) => Some((columns / 4).min(46)),
            Self::Unlimited => Some(usize::MAX),
        }
    }

    fn signers(self) -> usize {
        match self {
            Self::Terminal(columns) => (columns / 8).clamp(10, 24),
            Self::Unlimited => usize::MAX,
        }
    }

    /// Narrower than this a summary says nothing: the line is broken instead.
    fn summary(self, taken: usize) -> usize {
        match self {
            Self::Terminal(columns) => columns.saturating_sub(taken).max(30),
            Self::Unlimited => usize::MAX,
        }
    }
}

impl EventLines {
    /// Lines with times in this zone.
    pub(crate) fn new(zone: Zone) -> Self {
        Self { zone, id_columns: 30, signer_columns: 10, date: String::new() }
    }

    /// The line of an event, after a line with the date if that is another one.
    pub(crate) fn show(&mut self, delivery: &Delivery, room: Room) -> String {
        let id = delivery.id().as_str();
        let summary = Catalog::builtin().summary(id, delivery.data());
        let (heading, time) = self.time(delivery, room);
        let (mark_style, mark) = mark(summary.severity);
        let mut line = format!("{DIM}{time}{DIM:#}  {mark_style}{mark}{mark_style:#} ");
        let mut taken = time.width() + 4;
        let mut text = summary.text.as_str();
        if let Some(most) = room.id() {
            let shown = column(&mut self.id_columns, most, id, keep_end);
            line.extend([format!("{ID}{shown}{ID:#}  ")]);
            taken += shown.width() + 2;
            text = without_id(text, id);
        }
        let (style, signers) = signers(delivery);
        let signers = column(&mut self.signer_columns, room.signers(), &signers, keep_start);
        taken += signers.width() + 2;
        let text = keep_start(&visible(text), room.summary(taken));
        format!("{heading}{line}{style}{signers}{style:#}  {text}")
    }

    fn time(&mut self, delivery: &Delivery, room: Room) -> (String, String) {
        let Some(moment) = self.zone.show(delivery.time()) else {
            let text = delivery.covered().get("time").and_then(|time| time.as_str());
            return (String::new(), keep_start(&visible(text.unwrap_or("?")), 19));
        };
        let date = moment.date();
        if room == Room::Unlimited {
            return (String::new(), format!("{date} {}", moment.time()));
        }
        if date == self.date {
            return (String::new(), moment.time());
        }
        let heading = format!("{DIM}── {date} ──{DIM:#}\n");
        self.date = date;
        (heading, moment.time())
    }
}

/// Fits a text into its column, which grows up to `most`.
fn column(
    columns: &mut usize,
    most: usize,
    text: &str,
    shorten: fn(&str, usize) -> String,
) -> String {
    *columns = text.width().max(*columns).min(most);
    pad(&shorten(text, *columns), *columns)
}

/// Who stands behind the event: the sources that may emit it, where that is known; else whoever
/// signed it, but the relay only if nobody else did. Which signer is the relay is then what the
/// event says.
fn signers(delivery: &Delivery) -> (Style, String) {
    if let Some(sources) = delivery.sources() {
        let sources: Vec<&str> = sources.iter().map(SignerId::as_str).collect();
        return (DIM, visible(&sources.join(", ")));
    }
    let Some(signers) = delivery.signers() else {
        return (UNVERIFIED, "unverified".to_owned());
    };
    let relay = delivery.note().map(|note| &note.relay);
    let sources: Vec<&str> = signers
        .iter()
        .filter(|signer| Some(**signer) != relay)
        .map(|signer| signer.as_str())
        .collect();
    if sources.is_empty() {
        let relay = relay.map_or("", SignerId::as_str);
        return (UNVERIFIED, visible(&format!("{relay} only")));
    }
    (DIM, visible(&sources.join(", ")))
}

fn mark(severity: Severity) -> (Style, &'static str) {
    match severity {
        Severity::Info => (DIM, "·"),
        Severity::Success => (AnsiColor::Green.on_default(), "✓"),
        Severity::Warning => (AnsiColor::Yellow.on_default().bold(), "!"),
        Severity::Error => (AnsiColor::Red.on_default().bold(), "✗"),
    }
}

/// The summary of a type that nobody described begins with its id, which has a column already.
fn without_id<'a>(summary: &'a str, id: &str) -> &'a str {
    summary.strip_prefix(id).map_or(summary, |rest| rest.trim_start_matches([':', ' ']))
}

#[cfg(test)]
mod tests;
