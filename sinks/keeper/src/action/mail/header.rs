//! Values of headers, in which nothing may stand that ends one.

use laniakea_catalog::is_hidden;

use super::InvalidMail;

/// Longer values are cut: a line of a mail has at most 998 bytes.
const LONGEST: usize = 250;

/// The value of a header, fit for one line.
///
/// Control characters are refused: a line break would begin another header. So is what looks like
/// an encoded word (RFC 2047), in which a reader's program would find them.
pub(super) fn value(what: &str, text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{what} has a line break or another control character"));
    }
    if text.contains("=?") {
        return Err(format!("{what} looks like an encoded word: it has `=?`"));
    }
    let mut shown = String::new();
    for character in text.trim().chars() {
        if shown.len() >= LONGEST {
            shown.push('…');
            break;
        }
        if is_hidden(character) || matches!(character, '\u{2028}' | '\u{2029}') {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Ok(shown)
}

/// Rules may add what programs sort mails by, and nothing that has a meaning of its own.
pub(super) fn check_name(name: &str) -> Result<(), InvalidMail> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_extra = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-"));
    if is_extra && name.len() > 2 && name.len() <= 60 && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(InvalidMail::Header {
        key: format!("headers.{name:?}"),
        problem: "a header's name is X- and up to 58 letters, digits and `-`".to_owned(),
    })
}

/// `Words <changes.lists.example.org>`, or without the words and the brackets.
pub(super) fn list_id(text: &str) -> Result<String, InvalidMail> {
    let id = text.rsplit_once('<').map_or(text, |(_, id)| id.strip_suffix('>').unwrap_or(""));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_id = id.contains('.') && id.bytes().all(is_plain) && !id.starts_with('.');
    let is_line = value("list_id", text).is_ok_and(|value| value == text);
    if !is_id || !is_line {
        let problem = "write changes.lists.example.org, or Words <changes.lists.example.org>";
        let key = "list_id".to_owned();
        return Err(InvalidMail::Header { key, problem: problem.to_owned() });
    }
    Ok(if text.contains('<') { text.to_owned() } else { format!("<{text}>") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_ends_its_header() {
        for text in ["a\nBcc: x@y.z", "a\r", "a\0", "a\u{1b}[0m", "\u{85}", "a =?utf-8?q?=0A?="] {
            assert!(value("subject", text).is_err(), "{text:?}");
        }
        assert_eq!(value("subject", " a\u{202e}\u{2028}b ").unwrap(), "a\\u{202e}\\u{2028}b");
        let cut = value("subject", &"é".repeat(1_000)).unwrap();
        assert_eq!(cut.chars().count(), 126);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn a_list_has_an_id_and_a_header_a_harmless_name() {
        assert_eq!(list_id("a.example.org").unwrap(), "<a.example.org>");
        assert_eq!(list_id("New <a.example.org>").unwrap(), "New <a.example.org>");
        for text in ["", "a", "<a.b", "a.b>", "a.b\nX: y", "<a b.c>", "<>"] {
            assert!(list_id(text).is_err(), "{text:?}");
        }
        assert!(check_name("X-Laniakea-Repo").is_ok());
        for name in ["", "X-", "To", "x", "X-a:", "X-a\n", "X-é", "Bcc"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
