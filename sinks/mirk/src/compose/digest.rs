//! Many events in one message.

use std::collections::BTreeMap;

use super::{
    Body, Entry, MAX_BODY_BYTES, Mark, MessageKind, NewMessage, Style,
    body::{MAX_URL_BYTES, line_break},
    message, transaction_id,
};
use crate::describe::unlink;

/// So many kinds of events are told apart.
const MAX_GROUPS: usize = 20;
/// So many subjects of one kind are named.
const MAX_SUBJECTS: usize = 12;
/// Kept free for what says that there is more, and for the link.
const RESERVE: usize = 700;

/// Sums up at least two events.
pub(super) fn sum_up(style: &Style, entries: &[&Entry]) -> NewMessage {
    let txn = transaction_id(&style.room, MessageKind::Digest, entries.iter().map(|e| &e.digest));
    let mark = Mark { txn: &txn, events: entries.iter().map(|entry| entry.digest).collect() };
    NewMessage {
        kind: MessageKind::Digest,
        content: message(style.msgtype, &body(style, entries), &mark),
        entries: entries.iter().map(|entry| entry.row).collect(),
        begins: None,
        txn,
    }
}

fn body(style: &Style, entries: &[&Entry]) -> Body {
    let groups = groups(entries);
    let mut body = Body::plain(style.prefix.as_str());
    let is_single = groups.len() == 1;
    if !is_single {
        body.push(&Body {
            text: format!("{} events", entries.len()),
            html: format!("<b>{} events</b>", entries.len()),
        });
    }
    let mut told = 0;
    for group in groups.iter().take(MAX_GROUPS) {
        let mut line = if is_single { Body::default() } else { line_break() };
        line.push(&group_line(group));
        let longest = body.text.len().max(body.html.len()) + line.text.len().max(line.html.len());
        if longest > MAX_BODY_BYTES - RESERVE {
            continue;
        }
        body.push(&line);
        told += group.len();
    }
    if told < entries.len() {
        body.push(&line_break());
        body.push_plain(&format!("and {} more", entries.len() - told));
    }
    if let Some(url) = details_url(style, entries) {
        body.push_plain(" · ");
        body.push_link("details", &url);
    }
    body
}

/// The events by what several of them are called, in the order in which the first came.
fn groups<'e>(entries: &[&'e Entry]) -> Vec<Vec<&'e Entry>> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<Vec<&Entry>> = Vec::new();
    for entry in entries {
        let place = *places.entry((entry.problem.is_some(), &entry.plural)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

fn group_line(group: &[&Entry]) -> Body {
    let mut line = Body::default();
    if group.iter().any(|entry| entry.problem.is_some()) {
        line.push(&Body {
            text: "[not verified] ".to_owned(),
            html: "<b>[not verified]</b> ".to_owned(),
        });
    }
    if let [only] = group {
        line.push(&only.line);
        return line;
    }
    if let Some(first) = group.first() {
        let (count, plural) = (group.len(), &first.plural);
        line.push(&Body {
            text: format!("{count} {}", plural.text),
            html: format!("<b>{count}</b> {}", plural.html),
        });
    }
    let mut subjects: Vec<&str> = Vec::new();
    for subject in group.iter().filter_map(|entry| entry.subject.as_deref()) {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    if subjects.is_empty() {
        return line;
    }
    let more = subjects.len().saturating_sub(MAX_SUBJECTS);
    subjects.truncate(MAX_SUBJECTS);
    let subjects = Body::plain(format!(": {}", subjects.join(", ")));
    line.push(&Body { html: unlink(&subjects.html), ..subjects });
    if more > 0 {
        line.push_plain(&format!(" and {more} more"));
    }
    line
}

/// The page that lists these events, and others that came between them.
fn details_url(style: &Style, entries: &[&Entry]) -> Option<String> {
    let base = style.events_url.as_deref()?.trim_end_matches('/');
    let seqs: Vec<u64> = entries.iter().filter_map(|entry| Some(entry.seq?.0)).collect();
    let (first, last) = (seqs.iter().min()?, seqs.iter().max()?);
    let (after, before) = (first.saturating_sub(1), last.saturating_add(1));
    let url = format!("{base}/events?after={after}&before={before}");
    (url.len() <= MAX_URL_BYTES).then_some(url)
}
