//! Laniakea's scheduler: its timers as rules, with the intervals of its configuration.
//!
//! The rules are those of `config/rules.d/laniakea`, each a file of its own, so that one timer can be
//! moved at a time. An interval becomes the rule's safety net: nothing runs later than it did.

use std::time::Duration;

use laniakea_daemon::Age;
use toml::{Spanned, Table, Value};
use toml_edit::{DocumentMut, Item};

/// A timer of the scheduler.
struct Timer {
    name: &'static str,
    minutes: u32,
    rule: &'static str,
}

macro_rules! timer {
    ($name:literal, $minutes:literal) => {
        Timer {
            name: $name,
            minutes: $minutes,
            rule: include_str!(concat!("../../../config/rules.d/laniakea/", $name, ".toml")),
        }
    };
}

/// All of them, with the intervals that they have where nobody says otherwise.
const TIMERS: [Timer; 8] = [
    timer!("rubicon", 15),
    timer!("publish-repos", 240),
    timer!("statistics", 240),
    timer!("ariadne-update", 300),
    timer!("debcheck", 360),
    timer!("spears-migrate", 480),
    timer!("synchrotron-autosync", 720),
    timer!("expire-repos", 4_320),
];

/// Where the shipped rules look for locks: below the workspace.
const SAMPLE_WORKSPACE: &str = "/srv/laniakea/";

/// A rule that replaces a timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The timer, and the rule.
    pub name: &'static str,
    /// The file of the rule.
    pub text: String,
    /// What differs from the scheduler and from the shipped rule.
    pub notes: Vec<String>,
}

/// A configuration of the scheduler that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct InvalidScheduler {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

/// The rules for a configuration of the scheduler, `scheduler.toml`; an empty one has the defaults.
/// Also says what in it means nothing.
///
/// # Errors
///
/// It is no TOML, or an interval is none.
pub fn replace(
    configuration: &str,
    workspace: Option<&str>,
) -> Result<(Vec<Replacement>, Vec<String>), InvalidScheduler> {
    let at = |byte: usize, problem: String| InvalidScheduler {
        line: configuration.get(..byte).unwrap_or_default().matches('\n').count() + 1,
        problem,
    };
    let file: Table = toml::from_str(configuration).map_err(|error| {
        at(error.span().map_or(0, |span| span.start), error.message().to_owned())
    })?;
    let intervals: Intervals = toml::from_str(configuration).map_err(|error| {
        at(error.span().map_or(0, |span| span.start), error.message().to_owned())
    })?;
    let mut ignored: Vec<String> = file
        .keys()
        .filter(|key| *key != "Intervals")
        .map(|key| format!("{key} means nothing to the scheduler"))
        .collect();
    let mut chosen = std::collections::BTreeMap::new();
    for (name, value) in intervals.intervals {
        let interval = interval(value.get_ref())
            .map_err(|problem| at(value.span().start, format!("{name}: {problem}")))?;
        if TIMERS.iter().any(|timer| timer.name == name) {
            chosen.insert(name, interval);
        } else {
            ignored.push(format!("there is no timer {name:?}"));
        }
    }
    let replacements = TIMERS.iter().map(|timer| {
        let default = Duration::from_mins(timer.minutes.into());
        timer.replacement(chosen.get(timer.name).copied().unwrap_or(default), workspace)
    });
    Ok((replacements.collect(), ignored))
}

#[derive(Debug, serde::Deserialize)]
struct Intervals {
    #[serde(default, rename = "Intervals")]
    intervals: std::collections::BTreeMap<String, Spanned<Value>>,
}

/// Minutes, as the scheduler counts.
fn interval(value: &Value) -> Result<Duration, String> {
    /// Age counts seconds in 32 bits; nobody waits for a century.
    const LONGEST_MINUTES: f64 = 60.0 * 24.0 * 365.0 * 100.0;
    let minutes = match value {
        Value::Integer(minutes) => i32::try_from(*minutes).map_or(f64::MAX, f64::from),
        Value::Float(minutes) => *minutes,
        _ => return Err("an interval is a number of minutes".to_owned()),
    };
    if !(minutes * 60.0 >= 1.0 && minutes <= LONGEST_MINUTES) {
        return Err(format!("{minutes} minutes is no interval"));
    }
    Ok(Duration::from_secs_f64(minutes * 60.0))
}

impl Timer {
    fn replacement(&self, interval: Duration, workspace: Option<&str>) -> Replacement {
        let mut notes = Vec::new();
        let default = Duration::from_mins(self.minutes.into());
        let mut text = self.rule.to_owned();
        if interval != default {
            notes.push(format!(
                "the scheduler ran it every {}, not {}: fallback_every says so",
                written(interval),
                written(default)
            ));
            text = with_interval(&text, interval, &mut notes);
        }
        let sample = format!("{SAMPLE_WORKSPACE}locks/");
        if let Some(workspace) = workspace {
            let workspace = workspace.trim_end_matches('/');
            // It stands between quotes.
            let workspace = workspace.replace('\\', "\\\\").replace('"', "\\\"");
            text = text.replace(&sample, &format!("{workspace}/locks/"));
        } else if text.contains(&sample) {
            notes.push(format!(
                "the lock is looked for in {SAMPLE_WORKSPACE}: --workspace says where Laniakea's \
                 Workspace is"
            ));
        }
        if let Some((first, rest)) = text.split_once("[[rule]]") {
            let told =
                notes.iter().fold(String::new(), |told, note| told + "# Note: " + note + ".\n");
            text = format!("{first}{told}[[rule]]{rest}");
        }
        Replacement { name: self.name, text, notes }
    }
}

/// The same rule with another interval. Events may not make it run less often than that.
fn with_interval(text: &str, interval: Duration, notes: &mut Vec<String>) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text.to_owned() };
    let rules = document.get_mut("rule").and_then(Item::as_array_of_tables_mut);
    let Some(rule) = rules.and_then(|rules| rules.get_mut(0)) else { return text.to_owned() };
    let apart = rule.get("once_within").and_then(Item::as_str).and_then(|age| age.parse().ok());
    let mut set = |key: &str| {
        if let Some(value) = rule.get_mut(key) {
            *value = toml_edit::value(written(interval));
        }
    };
    set("fallback_every");
    if let Some(Age::Limited(apart)) = apart
        && apart > interval
    {
        notes.push(format!("once_within was {}, which is longer than that", written(apart)));
        set("once_within");
    }
    document.to_string()
}

/// In the largest unit that divides it.
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    match units.iter().find(|(length, _)| seconds.is_multiple_of(*length)) {
        Some((length, unit)) => format!("{}{unit}", seconds / length),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests;
