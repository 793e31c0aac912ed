//! Messages as a page that looks as clients show them: edits in place, threads below their roots.

use serde_json::Value as Json;

use super::Posted;
use crate::compose::escape;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>What rooms see</title>
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<style>
body { font: 15px/1.45 sans-serif; max-width: 52em; margin: 1.5em auto; color: #17191c; }
h2 { font-size: 1.05em; border-bottom: 1px solid #e3e8f0; padding-bottom: .4em; margin: 1.6em 0 .8em; }
.message { display: flex; gap: .7em; margin: .7em 0; }
.face { flex: none; width: 2em; height: 2em; border-radius: 50%; background: #8e44ad; color: #fff;
  text-align: center; line-height: 2em; font-weight: 600; }
.name { color: #8e44ad; font-weight: 600; font-size: .9em; }
.edited { color: #8d97a5; font-size: .8em; }
.thread { border-left: 2px solid #d9e0ea; margin: .3em 0 0 .2em; padding-left: .8em; color: #4a5361;
  font-size: .92em; }
code { background: #f1f3f6; border-radius: 3px; padding: 0 .25em; font-size: .92em; }
blockquote { border-left: 3px solid #d9e0ea; margin: .3em 0; padding-left: .7em; color: #4a5361; }
a { color: #1f6feb; text-decoration: none; }
</style></head><body>
";

/// A page of messages, room by room.
pub fn page(posted: &[Posted]) -> String {
    let mut page = HEAD.to_owned();
    let mut rooms: Vec<&str> = Vec::new();
    for message in posted {
        if !rooms.contains(&message.room.as_str()) {
            rooms.push(&message.room);
        }
    }
    for room in rooms {
        page.extend(["<h2>", &escape(room), "</h2>\n"]);
        let messages: Vec<&Posted> = posted.iter().filter(|it| it.room == room).collect();
        for message in messages.iter().filter(|it| relation(it).is_none()) {
            push_message(&mut page, message, &messages);
        }
    }
    page.push_str("</body></html>\n");
    page
}

fn push_message(page: &mut String, message: &Posted, all: &[&Posted]) {
    let about = |kind: &str| {
        let kind = kind.to_owned();
        all.iter()
            .filter(move |it| relation(it) == Some((kind.as_str(), message.event_id.as_str())))
    };
    let edit = about("m.replace").next_back();
    let shown = edit.map_or(&message.content, |edit| &edit.content["m.new_content"]);
    page.push_str(
        "<div class=\"message\"><div class=\"face\">M</div><div><div class=\"name\">mirk",
    );
    if edit.is_some() {
        page.push_str(" <span class=\"edited\">(edited)</span>");
    }
    page.extend(["</div><div>", html(shown), "</div>"]);
    for answer in about("m.thread") {
        page.extend(["<div class=\"thread\">", html(&answer.content), "</div>"]);
    }
    page.push_str("</div></div>\n");
}

/// Made by us, of escaped data.
fn html(content: &Json) -> &str {
    content["formatted_body"].as_str().unwrap_or_default()
}

fn relation(message: &Posted) -> Option<(&str, &str)> {
    let relation = &message.content["m.relates_to"];
    Some((relation["rel_type"].as_str()?, relation["event_id"].as_str()?))
}
