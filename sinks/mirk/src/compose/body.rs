//! The text of messages, plain and in HTML, within their limit.

use laniakea_catalog::Link;
use serde::{Deserialize, Serialize};

use super::{Entry, Step, Style};
use crate::describe::short_time;

/// Neither form of a message is longer.
pub const MAX_BODY_BYTES: usize = 4096;

/// A text, plain and in HTML. Both say the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Body {
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

impl Body {
    /// A text without markup.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { html: escape(&text).replace('\n', "<br>"), text }
    }

    /// Adds another text.
    pub fn push(&mut self, other: &Self) {
        self.text.push_str(&other.text);
        self.html.push_str(&other.html);
    }

    /// Adds a text without markup.
    pub fn push_plain(&mut self, text: &str) {
        self.push(&Self::plain(text));
    }

    /// Adds a link.
    pub fn push_link(&mut self, label: &str, url: &str) {
        self.push(&Self {
            text: format!("{label}: {url}"),
            html: format!("<a href=\"{}\">{}</a>", escape(url), escape(label)),
        });
    }

    /// Whether neither form is longer.
    pub fn fits(&self, bytes: usize) -> bool {
        self.text.len() <= bytes && self.html.len() <= bytes
    }
}

/// Text as HTML, in elements and in attributes.
pub fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// A text without markup, cut if it is too long for a message.
pub fn plain_body(text: &str) -> Body {
    cut(text, MAX_BODY_BYTES)
}

/// One event: prefix, warning, line, links.
pub(super) fn event_body(style: &Style, entry: &Entry) -> Body {
    let mut head = Body::plain(style.prefix.as_str());
    if let Some(problem) = &entry.problem {
        head.push(&warning(problem));
    }
    let tail = links(&entry.links, event_link(style, entry).as_ref());
    let mut body = head.clone();
    body.push(&entry.line);
    body.push(&tail);
    if body.fits(MAX_EVENT_BYTES) {
        return body;
    }
    let room = MAX_EVENT_BYTES.saturating_sub(head.html.len().max(head.text.len()));
    let room = room.saturating_sub(tail.html.len().max(tail.text.len()));
    let mut body = head;
    body.push(&cut_to_code(&entry.line.text, room));
    body.push(&tail);
    body
}

/// An edit has an asterisk and a space before it.
const MAX_EVENT_BYTES: usize = MAX_BODY_BYTES - 2;

fn warning(problem: &str) -> Body {
    Body {
        text: format!("[not verified: {problem}] "),
        html: format!("<b>[not verified: {}]</b> ", escape(problem)),
    }
}

/// A link that is longer would leave no room for the message. Nothing that exists has one.
pub(super) const MAX_URL_BYTES: usize = 512;

/// The event's own page comes last; it is where to read on when something was cut.
fn links(links: &[Link], event: Option<&Link>) -> Body {
    let mut body = Body::default();
    for link in links.iter().chain(event).filter(|link| link.url.len() <= MAX_URL_BYTES) {
        body.push_plain(" · ");
        body.push_link(&link.label, &link.url);
    }
    body
}

fn event_link(style: &Style, entry: &Entry) -> Option<Link> {
    let base = style.events_url.as_deref()?.trim_end_matches('/');
    Some(Link { label: "event".to_owned(), url: format!("{base}/events/{}", entry.digest) })
}

/// Steps of a story, a line each, with their times.
pub(super) fn step_lines(steps: &[Step]) -> Body {
    let mut body = Body::default();
    for (at, step) in steps.iter().enumerate() {
        let mut line = Body::default();
        if at > 0 {
            line.push(&line_break());
        }
        let time = short_time(&step.time);
        line.push(&Body {
            text: format!("{time} "),
            html: format!("<code>{}</code> ", escape(&time)),
        });
        if step.line.fits(MAX_STEP_BYTES) {
            line.push(&step.line);
        } else {
            line.push(&cut_to_code(&step.line.text, MAX_STEP_BYTES));
        }
        if body.text.len() + line.text.len() > MAX_BODY_BYTES - ELLIPSIS.len()
            || body.html.len() + line.html.len() > MAX_BODY_BYTES - ELLIPSIS.len()
        {
            body.push_plain(ELLIPSIS);
            break;
        }
        body.push(&line);
    }
    body
}

/// A few steps always fit.
const MAX_STEP_BYTES: usize = 1_300;

pub(super) fn line_break() -> Body {
    Body { text: "\n".to_owned(), html: "<br>".to_owned() }
}

const ELLIPSIS: &str = "…";

/// As much of a text as there is room for. Markup cannot be cut just anywhere: the text is, and
/// loses its markup. In code clients find no addresses to make links of.
fn cut_to_code(text: &str, bytes: usize) -> Body {
    let Body { text, html } = cut(text, bytes.saturating_sub("<code></code>".len()));
    Body { text, html: format!("<code>{html}</code>") }
}

/// As much of a text as its HTML has room for.
pub(super) fn cut(text: &str, bytes: usize) -> Body {
    let whole = Body::plain(text);
    if whole.fits(bytes) {
        return whole;
    }
    let mut length = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        let html = Body::plain(character).html.len();
        if length + html > bytes.saturating_sub(ELLIPSIS.len()) {
            break;
        }
        length += html;
        end = at + character.len_utf8();
    }
    Body::plain(format!("{}{ELLIPSIS}", &text[..end]))
}
