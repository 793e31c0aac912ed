//! What a command means.

use jiff::SignedDuration;
use laniakea_filter::{Glob, Rule};
use toml::{Table, Value as Toml};

use crate::{config::Span, describe::visible, settings::LONGEST_MUTE};

/// What every command begins with.
const NAME: &str = "!mirk";
/// Nobody needs longer commands.
const MAX_COMMAND: usize = 2_000;

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Help,
    Status,
    Why,
    Mute(SignedDuration),
    Unmute,
    Subscribe(Box<Rule>),
    Unsubscribe(Which),
    Last(Glob),
    Find(String),
}

/// Which rules are meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Which {
    All,
    Number(i64),
    Rule(Box<Rule>),
}

/// What follows the name, if somebody speaks to us.
pub(super) fn addressed(body: &str) -> Option<&str> {
    let rest = body.trim_start().strip_prefix(NAME)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    ///
    /// A sentence that says what would be right.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_COMMAND {
            return Err(format!("That is too long: a command has at most {MAX_COMMAND} bytes."));
        }
        let (verb, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        match (verb, rest) {
            ("" | "help", _) => Ok(Self::Help),
            ("status", "") => Ok(Self::Status),
            ("why", "") => Ok(Self::Why),
            ("unmute", "") => Ok(Self::Unmute),
            ("mute", span) => mute(span),
            ("subscribe", words) => rule(words).map(Box::new).map(Self::Subscribe),
            ("unsubscribe", which) => unsubscribe(which),
            ("last", "") => Ok(Self::Last("*".parse().map_err(|_| String::new())?)),
            ("last", glob) => glob.parse().map(Self::Last).map_err(sentence),
            ("find", "") => Err("Which package? For example: !mirk find hello".to_owned()),
            ("find", package) => Ok(Self::Find(package.to_owned())),
            (verb, _) => {
                Err(format!("There is no such command: {}. Try: !mirk help", visible(verb, 40)))
            }
        }
    }
}

fn mute(span: &str) -> Result<Command, String> {
    let span = if span.is_empty() { "1h" } else { span };
    let span = span.parse::<Span>().map_err(sentence)?.duration();
    if span > LONGEST_MUTE || span <= SignedDuration::ZERO {
        return Err("A room is muted for a second at least, and for 30 days at most.".to_owned());
    }
    Ok(Command::Mute(span))
}

fn unsubscribe(which: &str) -> Result<Command, String> {
    if which == "all" {
        return Ok(Command::Unsubscribe(Which::All));
    }
    if let Ok(number) = which.trim_start_matches('#').parse() {
        return Ok(Command::Unsubscribe(Which::Number(number)));
    }
    if which.is_empty() {
        return Err(UNSUBSCRIBE.to_owned());
    }
    rule(which).map(Box::new).map(Which::Rule).map(Command::Unsubscribe)
}

/// `ID [FACET=PATTERN | data.MEMBER=PATTERN | severity=WORD]…`. Expressions are for the
/// configuration alone: they have no limit on what they compute.
fn rule(text: &str) -> Result<Rule, String> {
    let mut words = text.split_whitespace();
    let Some(id) = words.next().filter(|id| !id.contains('=')) else {
        return Err(SUBSCRIBE.to_owned());
    };
    let mut rule = Table::from_iter([("id".to_owned(), Toml::from(id))]);
    for word in words {
        let (name, pattern) = word.split_once('=').ok_or(SUBSCRIBE)?;
        let patterns: Vec<Toml> = pattern.split(',').map(Toml::from).collect();
        let value = match &patterns[..] {
            [only] => only.clone(),
            _ => Toml::from(patterns),
        };
        match (name, name.strip_prefix("data.")) {
            ("severity", _) => drop(rule.insert(name.to_owned(), value)),
            (_, Some(member)) => insert(&mut rule, "data", member, value),
            (facet, None) => insert(&mut rule, "facets", facet, value),
        }
    }
    Toml::Table(rule).try_into().map_err(sentence)
}

const SUBSCRIBE: &str = "To what? For example: !mirk subscribe _lk.archive.* suite=landing,sid \
    package=gnome-* data.is_new=true severity=warning";

const UNSUBSCRIBE: &str = "From what? For example: !mirk unsubscribe 3, or the words that it was \
    subscribed with, or all. The numbers are in !mirk status.";

fn insert(rule: &mut Table, part: &str, name: &str, value: Toml) {
    let entry = rule.entry(part).or_insert_with(|| Toml::Table(Table::new()));
    if let Toml::Table(table) = entry {
        table.insert(name.to_owned(), value);
    }
}

/// An error as a sentence for a room.
fn sentence(error: impl std::fmt::Display) -> String {
    visible(&format!("That does not work: {error}"), 500)
}

#[cfg(test)]
mod tests;
