//! What must hold of every message, whatever is in the events that it tells of.

use laniakea_catalog::is_hidden;
use serde_json::{Value as Json, json};

/// The longest text, in bytes, that either form of a message has.
const MAX_BYTES: usize = 4096;
/// The elements that messages are made of, none of which says more than how a text looks.
const PLAIN_TAGS: [&str; 4] = ["b", "em", "code", "blockquote"];

/// Checks the content of a Matrix event. Links may lead below `bases` alone.
pub(crate) fn assert_harmless(content: &Json, bases: &[&str]) {
    assert_part(content, bases);
    if let Some(new) = content.get("m.new_content") {
        assert_part(new, bases);
    }
    // Encryption turns three bytes into four and adds a little; events have at most 65,536.
    let length = content.to_string().len();
    assert!(length * 4 / 3 + 1_000 < 65_536, "the content has {length} bytes");
}

fn assert_part(content: &Json, bases: &[&str]) {
    assert_eq!(content["m.mentions"], json!({}), "somebody is mentioned");
    assert_eq!(content["format"], "org.matrix.custom.html");
    let [text, html] = ["body", "formatted_body"].map(|form| {
        let form = content[form].as_str().expect("both forms are there");
        assert!(form.len() <= MAX_BYTES, "{} bytes: {form}", form.len());
        let hidden = form.chars().find(|c| is_hidden(*c) && *c != '\n');
        assert_eq!(hidden, None, "{form:?}");
        form
    });
    assert!(!text.trim().is_empty(), "a message says something");
    assert_html(html, bases);
}

/// Checks that HTML is well-formed, has no tags but ours and no addresses outside of links and code.
fn assert_html(html: &str, bases: &[&str]) {
    assert!(!html.contains("&#x2f;"), "slashes are slashes: {html}");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        if let Some(tag) = rest.strip_prefix('<') {
            let (tag, after) = tag.split_once('>').unwrap_or_else(|| panic!("unended: {html}"));
            push_tag(&mut open, tag, bases, html);
            rest = after;
        } else {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            assert!(!text.contains('>'), "a bare >: {html}");
            assert_references(text, html);
            if !open.iter().any(|tag| matches!(*tag, "a" | "code")) {
                assert_no_address(text, html);
            }
            rest = after;
        }
    }
    assert!(open.is_empty(), "{open:?} never end: {html}");
}

fn push_tag<'h>(open: &mut Vec<&'h str>, tag: &'h str, bases: &[&str], html: &str) {
    if let Some(name) = tag.strip_prefix('/') {
        assert_eq!(open.pop(), Some(name), "ends in the wrong order: {html}");
    } else if let Some(attributes) = tag.strip_prefix("font ") {
        let colour = attributes.split('"').nth(1).unwrap_or_default();
        let is_colour = colour.len() == 7
            && colour.starts_with('#')
            && colour[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
        let expected = format!("data-mx-color=\"{colour}\" color=\"{colour}\"");
        assert!(is_colour && attributes == expected, "<{tag}>: {html}");
        open.push("font");
    } else if let Some(attributes) = tag.strip_prefix("a ") {
        let url = attributes.strip_prefix("href=\"").and_then(|rest| rest.strip_suffix('"'));
        let url = url.unwrap_or_else(|| panic!("<{tag}>: {html}"));
        assert!(!url.contains('"') && !url.contains(char::is_whitespace), "{url}");
        let is_below = |base: &&str| url.strip_prefix(base).is_some_and(|it| it.starts_with('/'));
        assert!(bases.iter().any(is_below), "{url} is below no base");
        assert!(!open.contains(&"a"), "a link in a link: {html}");
        open.push("a");
    } else if tag != "br" {
        assert!(PLAIN_TAGS.contains(&tag), "<{tag}>: {html}");
        open.push(tag);
    }
}

/// An ampersand begins a character reference that ends.
fn assert_references(text: &str, html: &str) {
    for after in text.split('&').skip(1) {
        let name = after.split_once(';').map(|(name, _)| name).unwrap_or_default();
        let known = ["amp", "lt", "gt", "quot", "#39", "#x27", "#x2f"];
        assert!(known.contains(&name), "&{after}: {html}");
    }
}

/// What clients make links and mentions of by themselves.
fn assert_no_address(text: &str, html: &str) {
    let text = text.replace("&#", "&");
    for part in ["://", "@", "www.", "matrix:", "mailto:"] {
        assert!(!text.contains(part), "{part} in {text:?}: {html}");
    }
    for word in text.split_whitespace() {
        let named = word.split(['#', '!']).skip(1).any(|name| name.contains(':'));
        assert!(!named, "{word} in {html}");
    }
}
