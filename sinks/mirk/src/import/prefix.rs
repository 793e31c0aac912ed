//! What stands before each message: HTML there, text here.

/// A room's prefix has at most so many bytes.
const MAX_PREFIX: usize = 200;

pub(super) fn translate(html: &str, notes: &mut Vec<String>) -> String {
    let plain = without_markup(html);
    if plain != html {
        notes.push("MessagePrefix was HTML; a room's prefix is text, and lost its markup".into());
    }
    let line = on_one_line(&plain);
    if line != plain {
        notes.push(format!(
            "MessagePrefix was cut: a room's prefix is one line of at most {MAX_PREFIX} bytes"
        ));
    }
    line
}

/// The text between the tags, with the characters that HTML has names for.
fn without_markup(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        let Some((_, after)) = tag.split_once('>') else { break };
        text.push_str(before);
        rest = after;
    }
    text.push_str(rest);
    // The ampersand comes last: what it stands before must not become another name.
    let names =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", "\u{a0}"), ("&amp;", "&")];
    names.into_iter().fold(text, |text, (name, character)| text.replace(name, character))
}

fn on_one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        let character = if character.is_control() { ' ' } else { character };
        if line.len() + character.len_utf8() > MAX_PREFIX {
            break;
        }
        line.push(character);
    }
    line
}
