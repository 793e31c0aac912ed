//! What is shown of hostile events: to people in a chat room, and at a terminal.

use std::{collections::BTreeMap, sync::LazyLock};

use laniakea_catalog::{Catalog, Facet, LinkBases, MAX_HTML_BYTES, MAX_TEXT_CHARS, is_hidden};
use laniakea_event::{EventId, Limits, Seq, Value};
use laniakea_wire::subscription::{Believe, Delivery};
use lk::fuzzing::{event_lines, read_members, show, write_member};

use crate::{
    input::two_texts,
    world::{NOW, event},
};

/// Every base that the catalogue names.
static BASES: LazyLock<LinkBases> = LazyLock::new(|| {
    let bases = Catalog::builtin().entries().flat_map(|entry| entry.links());
    let bases: BTreeMap<_, _> =
        bases.map(|(_, base)| (base.to_owned(), format!("{BASE}{base}"))).collect();
    LinkBases::new(bases).expect("good URLs")
});
const BASE: &str = "https://example.org/";

/// An id on the first line, data on the others: what the catalogue makes of it.
pub fn summary(bytes: &[u8]) {
    let Some((id, data)) = two_texts(bytes) else {
        return;
    };
    let Ok(data) = Value::parse(data.as_bytes(), &Limits::FROM_RELAY) else {
        return;
    };
    let catalog = Catalog::builtin();
    let summary = catalog.summary(id, &data);
    check_line(&summary.text);
    // What is no id can be blank.
    assert!(EventId::parse(id).is_err() || !summary.text.is_empty(), "{id} {data:?}");
    check_html(&summary.html, &summary.text);
    for values in Facet::ALL.map(|facet| summary.facets.all(facet)) {
        values.iter().for_each(|value| check_line(value));
    }
    let phrase = catalog.plural(id, &data);
    check_line(&phrase.text);
    check_html(&phrase.html, &phrase.text);
    for link in catalog.links(id, &data, &BASES) {
        let path = link.url.strip_prefix(BASE).expect("a link below its base");
        assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\?#".contains(&byte)));
        assert!(path.split('/').all(|part| !part.trim_matches('.').is_empty()));
    }
    if let Some(stage) = catalog.lifecycle(id, &data) {
        let key: Vec<String> = serde_json::from_str(&stage.key).expect("a list of texts");
        assert!(key.iter().all(|value| value.len() <= 255 && !value.trim().is_empty()));
    }
}

fn check_line(line: &str) {
    assert!(line.chars().count() <= MAX_TEXT_CHARS, "{line:?} is long");
    let is_bad =
        |character: char| is_hidden(character) || (character.is_whitespace() && character != ' ');
    assert!(!line.chars().any(is_bad), "{line:?}");
    assert!(line.trim() == line && !line.contains("  "), "{line:?}");
}

/// There is no markup but ours, well nested, and what it shows is the text.
fn check_html(html: &str, text: &str) {
    assert!(html.len() <= MAX_HTML_BYTES, "{} bytes of HTML", html.len());
    let mut open: Vec<&str> = Vec::new();
    let mut shown = String::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '>', '"', '\'']) {
        shown.push_str(&rest[..at]);
        let tag = rest[at..].strip_prefix('<').and_then(|tag| tag.split_once('>'));
        let (tag, after) = tag.unwrap_or_else(|| panic!("not escaped: {html}"));
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{html}"),
            None => open.push(tag),
        }
        assert!(["b", "em", "code"].contains(&tag.trim_start_matches('/')), "{tag} in {html}");
        rest = after;
    }
    shown.push_str(rest);
    assert!(open.is_empty(), "{open:?} stay open in {html}");
    let references =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/")];
    let plain = references
        .iter()
        .fold(shown, |text, (reference, character)| text.replace(reference, character));
    let bare = plain.replace("&amp;", "");
    assert!(!bare.contains('&'), "not escaped: {html}");
    assert!(!html.chars().any(is_hidden), "{html:?}");
    let squeezed = plain.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed == text || text.ends_with('…'), "{squeezed:?} is not {text:?}");
}

/// An event as `lk listen` shows it, in windows of all widths and in a file.
pub fn event_line(bytes: &[u8]) {
    let Ok(delivery) = Delivery::open(bytes.to_vec(), &Believe::Everything, NOW) else {
        return;
    };
    let id = delivery.id().to_string();
    let ours = event("_lk.core.ping", 1);
    let note = crate::world::note(ours.id(), uuid::Uuid::nil(), Seq(1), Seq(0));
    let after =
        Delivery::open(ours.frame(&note), &Believe::Everything, NOW).expect("our own event");
    let both = [delivery, after];
    for columns in [None, Some(1), Some(80), Some(119), Some(120), Some(200)] {
        let lines = event_lines(&both, columns);
        for line in &lines {
            let plain = without_styles(line);
            let (heading, line) = match plain.split_once('\n') {
                Some((heading, line)) => (heading, line),
                None => ("", plain.as_str()),
            };
            assert!(heading.is_empty() || heading.starts_with("── "), "{heading:?}");
            for part in [heading, line] {
                assert!(!part.chars().any(is_hidden), "{part:?}");
                assert!(!part.contains(['\u{2028}', '\u{2029}']), "{part:?}");
            }
        }
        assert!(columns.is_some() || lines[0].contains(&id), "{id} is not in {}", lines[0]);
        // What came before it does not break the line of another event.
        assert!(without_styles(&lines[1]).contains("unverified"), "{}", lines[1]);
    }
}

/// The line without the colours that lk itself writes; whatever else is an escape stays.
fn without_styles(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|byte: char| !byte.is_ascii_digit() && byte != ';').unwrap_or(0);
        if after[end..].starts_with('m') {
            rest = &after[end + 1..];
        } else {
            plain.push('\u{1b}');
            rest = after;
        }
    }
    plain + rest
}

/// `KEY=VALUE` and `KEY:=JSON`, one a line; and text that lk shows.
pub fn member(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (one, several) = show(text);
    assert!(!one.chars().any(is_hidden) && !one.contains('\n'), "{one:?}");
    for (number, line) in several.split('\n').enumerate() {
        assert!(!line.chars().any(is_hidden), "{line:?}");
        assert!(number == 0 || line.starts_with("  "), "{line:?} passes for one of ours");
    }
    let texts: Vec<&str> = text.lines().collect();
    let Ok(data) = read_members(&texts) else {
        return;
    };
    assert_eq!(data.len(), texts.len());
    // Names with `=` cannot be written, and none was read.
    let again: Vec<String> = data.iter().map(|(name, value)| write_member(name, value)).collect();
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    assert_eq!(read_members(&again).expect("what we wrote"), data);
}
