//! The content of Matrix events.

use laniakea_event::Digest;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{Body, MessageKind};

/// Under this name a message says which events it tells of, and which sending it is of.
pub const MARK: &str = "org.laniakea.mirk";

/// How clients treat a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageType {
    /// From a program: clients do not ring for it, and other bots leave it alone.
    #[default]
    Notice,
    /// As if a person had written it.
    Text,
}

impl MessageType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "m.notice",
            Self::Text => "m.text",
        }
    }
}

/// What a message carries so that it is found again.
#[derive(Debug)]
pub struct Mark<'m> {
    /// Its transaction id.
    pub txn: &'m str,
    /// The events that it tells of.
    pub events: Vec<Digest>,
}

/// A message. Nobody is mentioned, whatever is in it.
pub fn message(msgtype: MessageType, body: &Body, mark: &Mark<'_>) -> Json {
    let events: Vec<String> = mark.events.iter().map(ToString::to_string).collect();
    let mut content = text(msgtype, body);
    content[MARK] = json!({ "txn": mark.txn, "events": events });
    content
}

/// New text for the message `root`.
pub(super) fn edit(msgtype: MessageType, body: &Body, root: &str, mark: &Mark<'_>) -> Json {
    let fallback = Body { text: format!("* {}", body.text), html: format!("* {}", body.html) };
    let mut content = message(msgtype, &fallback, mark);
    content["m.new_content"] = text(msgtype, body);
    content["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": root });
    content
}

/// An answer in the thread of the message `root`.
pub(super) fn in_thread(msgtype: MessageType, body: &Body, root: &str, mark: &Mark<'_>) -> Json {
    let mut content = message(msgtype, body, mark);
    content["m.relates_to"] = json!({
        "rel_type": "m.thread",
        "event_id": root,
        "is_falling_back": true,
        "m.in_reply_to": { "event_id": root },
    });
    content
}

/// An answer to what somebody said, in the thread where it was said.
pub fn reply(body: &Body, to: &str, thread: Option<&str>, mark: &Mark<'_>) -> Json {
    let mut content = message(MessageType::Notice, body, mark);
    let reply = json!({ "event_id": to });
    content["m.relates_to"] = match thread {
        Some(root) => {
            json!({ "rel_type": "m.thread", "event_id": root, "m.in_reply_to": reply })
        }
        None => json!({ "m.in_reply_to": reply }),
    };
    content
}

fn text(msgtype: MessageType, body: &Body) -> Json {
    json!({
        "msgtype": msgtype.as_str(),
        "body": body.text,
        "format": "org.matrix.custom.html",
        "formatted_body": body.html,
        "m.mentions": {},
    })
}

/// The id of a sending: the same for the same events in the same room, whenever it is made.
pub fn transaction_id<'d>(
    room: &str,
    kind: MessageKind,
    events: impl IntoIterator<Item = &'d Digest>,
) -> String {
    let mut hash = Sha256::new();
    hash.update(room.as_bytes());
    hash.update([0]);
    hash.update(kind.as_str().as_bytes());
    for event in events {
        hash.update(event.as_bytes());
    }
    hash.finalize()
        .iter()
        .take(20)
        .fold("mirk-".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
