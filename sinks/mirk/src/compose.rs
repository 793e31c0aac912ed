//! Third stage: what a room is posted next, made of the events that wait for it.
//!
//! No store, no clock and no homeserver: [`next`] is given what waits and says what to post or how
//! long to wait. What it returns is kept in its final form before it is sent, and never made anew.

mod body;
mod budget;
mod content;
mod digest;
mod story;

use jiff::Timestamp;
use laniakea_catalog::{Link, Phrase};
use laniakea_event::{Digest, Seq};
use serde_json::Value as Json;

pub use self::{
    body::{Body, MAX_BODY_BYTES, escape, plain_body},
    budget::{Budget, Limits},
    content::{MARK, Mark, MessageType, message, reply, transaction_id},
};

/// Digests of so many events still fit into an encrypted message.
pub const MAX_ENTRIES: usize = 500;

/// An event that waits for a room.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its row in the outbox.
    pub row: i64,
    /// Since when it waits.
    pub added: Timestamp,
    /// The event's digest.
    pub digest: Digest,
    /// Its place in the relay's journal.
    pub seq: Option<Seq>,
    /// When the source emitted it, as the source wrote it.
    pub time: String,
    /// Why it is not believed.
    pub problem: Option<String>,
    /// The event in one line or a few.
    pub line: Body,
    /// Where to read on about it.
    pub links: Vec<Link>,
    /// What several of its kind are called.
    pub plural: Phrase,
    /// What it is about, in a digest.
    pub subject: Option<String>,
    /// Whose state it changes.
    pub stage: Option<StoryKey>,
    /// Whether it came while the room was muted or quiet.
    pub is_held: bool,
}

/// A job, an excuse, an issue: what one message tells about as its state changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoryKey {
    /// What it is.
    pub name: String,
    /// Which one.
    pub key: String,
}

/// The message that a story has in the room already.
#[derive(Debug, Clone)]
pub struct Root {
    /// What the homeserver calls it.
    pub event_id: String,
    /// What it said first, and when that was.
    pub first: Step,
    /// Whether its thread has begun.
    pub has_thread: bool,
}

/// One step of a story.
#[derive(Debug, Clone)]
pub struct Step {
    /// When, as the source wrote it.
    pub time: String,
    /// What happened.
    pub line: Body,
}

/// What becomes of the messages of a story as its state changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoryStyle {
    /// One message shows the present state, its thread the way to it.
    #[default]
    Edit,
    /// The message stays, and its thread gets what follows.
    Thread,
    /// A message for each change.
    Off,
}

/// How a room wants its messages.
#[derive(Debug, Clone)]
pub struct Style {
    /// The room's name in the configuration.
    pub room: String,
    /// Stands before each message.
    pub prefix: String,
    /// Notice or text.
    pub msgtype: MessageType,
    /// What becomes of stories.
    pub stories: StoryStyle,
    /// How much is too much.
    pub limits: Limits,
    /// The address of the relay's pages.
    pub events_url: Option<String>,
}

/// A message in its final form.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// What it is.
    pub kind: MessageKind,
    /// Makes a second sending harmless.
    pub txn: String,
    /// The content of the Matrix event.
    pub content: Json,
    /// The rows that it tells of.
    pub entries: Vec<i64>,
    /// The story whose message it is from now on.
    pub begins: Option<StoryKey>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// One event.
    Single,
    /// Several events, summed up.
    Digest,
    /// New text for a message that is there.
    Edit,
    /// An answer in a message's thread.
    Thread,
    /// An answer to a command.
    Answer,
}

impl MessageKind {
    /// The word for it in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Digest => "digest",
            Self::Edit => "edit",
            Self::Thread => "thread",
            Self::Answer => "answer",
        }
    }
}

/// What is to be done for a room.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Nothing waits.
    Idle,
    /// Something waits, and it is too early.
    Wait(Timestamp),
    /// Post these, in this order.
    Post(Vec<NewMessage>),
}

/// Says what to post next. `waiting` is in the order of arrival, and holds at most
/// [`MAX_ENTRIES`]; `root` finds the message that a story has in the room.
///
/// # Errors
///
/// What `root` returns.
pub fn next<E>(
    style: &Style,
    waiting: &[Entry],
    mut root: impl FnMut(&StoryKey) -> Result<Option<Root>, E>,
    budget: &mut Budget,
    now: Timestamp,
) -> Result<Next, E> {
    let Some(head) = waiting.first() else { return Ok(Next::Idle) };
    let mut root_of = |entry: &Entry| match &entry.stage {
        Some(key) if style.stories != StoryStyle::Off => root(key),
        _ => Ok(None),
    };
    if let Some(root) = root_of(head)? {
        let steps: Vec<&Entry> = waiting.iter().filter(|entry| entry.stage == head.stage).collect();
        return Ok(Next::Post(story::go_on(style, &root, &steps)));
    }
    budget.refill(&style.limits, now);
    // What came while the room was left alone is summed up, however little it is.
    let is_after_hold = waiting.iter().filter(|entry| entry.is_held).count() > 1;
    if !style.limits.digest || (!is_after_hold && budget.covers(waiting.len())) {
        budget.take();
        return Ok(Next::Post(vec![single(style, head)]));
    }
    let latest = now.saturating_add(style.limits.longest_wait()).unwrap_or(now);
    // From the future: the clock was set back, and nobody knows for how long it has waited.
    let window = if head.added > latest {
        now
    } else {
        head.added.saturating_add(style.limits.digest_after).unwrap_or(now)
    };
    let ready = window.max(budget.next_token(&style.limits, now));
    if !is_after_hold && ready > now && waiting.len() < MAX_ENTRIES {
        return Ok(Next::Wait(ready));
    }
    budget.take();
    // Steps of stories that are told already have their place; they come next.
    let mut summed_up = Vec::new();
    for entry in waiting {
        if root_of(entry)?.is_none() {
            summed_up.push(entry);
        }
    }
    Ok(Next::Post(vec![match summed_up[..] {
        [only] => single(style, only),
        _ => digest::sum_up(style, &summed_up),
    }]))
}

/// One event, and the beginning of a story if it is a step of one.
fn single(style: &Style, entry: &Entry) -> NewMessage {
    let txn = transaction_id(&style.room, MessageKind::Single, [&entry.digest]);
    let body = body::event_body(style, entry);
    let mark = Mark { txn: &txn, events: vec![entry.digest] };
    let content = message(style.msgtype, &body, &mark);
    NewMessage {
        kind: MessageKind::Single,
        content,
        entries: vec![entry.row],
        begins: entry.stage.clone().filter(|_| style.stories != StoryStyle::Off),
        txn,
    }
}

#[cfg(test)]
mod tests;
