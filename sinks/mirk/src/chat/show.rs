//! Events and rules as answers show them.

use laniakea_filter::Rule;

use crate::{
    compose::{Body, MAX_BODY_BYTES},
    describe::{short_time, unlink},
    store::Happened,
};

/// `1 event`, `2 events`.
pub(super) fn times(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// An event in a line, with a link to its page. What it says leads nowhere else.
pub(super) fn event_line(event: &Happened, events_url: Option<&str>) -> Body {
    let time = short_time(&event.time);
    let doubt = match &event.problem {
        Some(problem) => format!("[not verified: {problem}] "),
        None => String::new(),
    };
    let said = Body::plain(format!("{time} {doubt}{}", event.text.replace('\n', " ")));
    let mut line = Body { html: unlink(&said.html), ..said };
    push_page(&mut line, event, events_url);
    line
}

/// Adds a link to the event's page, if there are pages.
pub(super) fn push_page(line: &mut Body, event: &Happened, events_url: Option<&str>) {
    if let Some(base) = events_url {
        line.push_plain(" · ");
        line.push_link("event", &format!("{}/events/{}", base.trim_end_matches('/'), event.digest));
    }
}

/// As many lines as a message has room for.
pub(super) fn lines(lines: impl IntoIterator<Item = Body>) -> Body {
    let mut all = Body::default();
    for line in lines {
        let mut longer = all.clone();
        if !all.text.is_empty() {
            longer.push(&Body { text: "\n".to_owned(), html: "<br>".to_owned() });
        }
        longer.push(&line);
        if !longer.fits(MAX_BODY_BYTES) {
            break;
        }
        all = longer;
    }
    all
}

/// The lines of the configuration that do what a rule does.
pub(super) fn rule_toml(room: &str, rule: &Rule) -> String {
    let room = toml::Value::from(room);
    format!("[[room]]\nroom = {room}\ninclude = [{rule}]")
}
