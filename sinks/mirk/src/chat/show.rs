//! Events and rules as answers show them.

use laniakea_filter::Rule;

use crate::{describe::short_time, store::Happened};

/// `1 event`, `2 events`.
pub(super) fn times(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// An event in a line.
pub(super) fn event_line(event: &Happened, events_url: Option<&str>) -> String {
    let time = short_time(&event.time);
    let doubt = match &event.problem {
        Some(problem) => format!("[not verified: {problem}] "),
        None => String::new(),
    };
    format!("{time} {doubt}{}{}", event.text.replace('\n', " "), page(event, events_url))
}

/// Where the event's page is.
pub(super) fn page(event: &Happened, events_url: Option<&str>) -> String {
    events_url.map_or(String::new(), |base| {
        format!(" · {}/events/{}", base.trim_end_matches('/'), event.digest)
    })
}

/// The lines of the configuration that do what a rule does.
pub(super) fn rule_toml(room: &str, rule: &Rule) -> String {
    let room = toml::Value::from(room);
    format!("[[room]]\nroom = {room}\ninclude = [{rule}]")
}
