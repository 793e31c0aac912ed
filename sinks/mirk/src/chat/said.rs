//! What somebody said in a room.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

/// A message of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Where.
    pub room_id: String,
    /// What the homeserver calls it.
    pub event_id: String,
    /// Who.
    pub sender: String,
    /// What, without the quotation that a reply may begin with.
    pub body: String,
    /// The message that it replies to.
    pub reply_to: Option<String>,
    /// The thread that it is in.
    pub thread: Option<String>,
    /// When, as the homeserver says.
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "event_id")]
    id: String,
    sender: String,
    origin_server_ts: i64,
    content: Json,
}

impl Said {
    /// Reads an event of a room; `None` if it is no message of a person. What bots say are notices,
    /// and an edit says nothing new.
    pub fn read(room_id: &str, event: &str) -> Option<Self> {
        let Event { kind, id: event_id, sender, origin_server_ts, content } =
            serde_json::from_str(event).ok()?;
        let relation = &content["m.relates_to"];
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let is_message = kind == "m.room.message" && content["msgtype"] == "m.text";
        if !is_message || relation["rel_type"] == "m.replace" {
            return None;
        }
        let in_reply_to = text(&relation["m.in_reply_to"]["event_id"]);
        let thread = text(&relation["event_id"]).filter(|_| relation["rel_type"] == "m.thread");
        // In a thread a reply to its last message is only there for clients without threads.
        let is_fallback = relation["is_falling_back"] == true;
        let reply_to = if is_fallback { thread.clone() } else { in_reply_to };
        Some(Self {
            room_id: room_id.to_owned(),
            event_id,
            sender,
            body: without_quotation(content["body"].as_str()?).to_owned(),
            reply_to,
            thread,
            at: Timestamp::from_millisecond(origin_server_ts).ok()?,
        })
    }
}

/// Older clients put what they reply to before the reply, in lines that begin with `> `.
fn without_quotation(body: &str) -> &str {
    if !body.starts_with("> ") {
        return body;
    }
    let mut rest = body;
    while rest.starts_with('>') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.trim_start_matches('\n')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(content: &Json) -> Option<Said> {
        let event = json!({
            "type": "m.room.message", "event_id": "$1", "sender": "@ada:example.org",
            "origin_server_ts": 1_800_000_000_000_i64, "content": content,
        });
        Said::read("!room", &event.to_string())
    }

    #[test]
    fn a_message_is_read_with_what_it_replies_to() {
        let said = read(&json!({
            "msgtype": "m.text", "body": "> <@mirk:example.org> hello\n> more\n\n!mirk why",
            "m.relates_to": {"m.in_reply_to": {"event_id": "$0"}},
        }))
        .unwrap();
        assert_eq!((said.body.as_str(), said.reply_to.as_deref()), ("!mirk why", Some("$0")));
    }

    #[test]
    fn in_a_thread_the_root_is_meant_unless_a_message_is_named() {
        let thread = |more: Json| {
            let mut relation = json!({"rel_type": "m.thread", "event_id": "$root",
                "m.in_reply_to": {"event_id": "$last"}});
            relation["is_falling_back"] = more;
            read(&json!({"msgtype": "m.text", "body": "x", "m.relates_to": relation})).unwrap()
        };
        assert_eq!(thread(json!(true)).reply_to.as_deref(), Some("$root"));
        assert_eq!(thread(json!(false)).reply_to.as_deref(), Some("$last"));
        assert_eq!(thread(json!(false)).thread.as_deref(), Some("$root"));
    }

    #[test]
    fn what_bots_say_and_edits_and_rubbish_are_passed_over() {
        for content in [
            json!({"msgtype": "m.notice", "body": "!mirk help"}),
            json!({"msgtype": "m.text", "body": 7}),
            json!({"body": "!mirk help"}),
            json!([]),
            json!({"msgtype": "m.text", "body": "* x", "m.relates_to": {"rel_type": "m.replace"}}),
        ] {
            assert_eq!(read(&content), None);
        }
        for event in ["", "{", "[]", "{\"type\":\"m.room.message\"}"] {
            assert_eq!(Said::read("!room", event), None);
        }
    }
}
