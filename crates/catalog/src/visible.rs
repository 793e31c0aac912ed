//! Foreign text, made fit for a terminal or a sentence.

use crate::is_hidden;

/// Writes out what a terminal would obey or not show: control characters, escapes, marks that
/// turn the direction of writing, characters without width.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut shown, character));
    shown
}

/// The same for text that may have several lines: each but the first is indented by so many spaces,
/// so that none of them can pass for a line of our own. A tab becomes a space.
pub fn visible_lines(text: &str, indent: usize) -> String {
    let lines = text.trim_end().lines().map(|line| visible(&line.replace('\t', " ")));
    lines.collect::<Vec<_>>().join(&format!("\n{:indent$}", ""))
}

/// At most so many characters, with those written out that do not show or break the line.
pub fn bounded(text: &str, max: usize) -> String {
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        if number == max {
            shown.push('…');
            break;
        }
        if is_hidden(character) || (character.is_whitespace() && character != ' ') {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn push(shown: &mut String, character: char) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        // Separators of lines and paragraphs: white space, and so not hidden to the catalogue.
        '\u{2028}' | '\u{2029}' => shown.extend(character.escape_unicode()),
        _ if is_hidden(character) => shown.extend(character.escape_unicode()),
        _ => shown.push(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_written_out() {
        let controls = ('\0'..' ').chain('\u{7f}'..='\u{9f}');
        for character in controls {
            let shown = visible(&format!("a{character}b"));
            assert!(
                shown.len() > 3 && !shown.chars().any(char::is_control),
                "{character:?}: {shown}"
            );
            assert!(shown.starts_with("a\\") && shown.ends_with('b'), "{shown}");
        }
    }

    #[test]
    fn marks_of_direction_and_characters_without_width_are_written_out() {
        let hostile = ['\u{61c}', '\u{ad}', '\u{feff}', '\u{2028}', '\u{2029}', '\u{e0041}']
            .into_iter()
            .chain('\u{200b}'..='\u{200f}')
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2060}'..='\u{2069}');
        for character in hostile {
            let code = format!("\\u{{{:x}}}", u32::from(character));
            assert_eq!(visible(&format!("a{character}b")), format!("a{code}b"));
        }
    }

    #[test]
    fn ordinary_text_of_any_language_stays_as_it_is() {
        let text = "Jürgen 日本語 العربية עברית 1:2.3~rc1 → “x” \\ 🚀";
        assert_eq!(visible(text), text);
    }

    #[test]
    fn a_second_line_cannot_pass_for_one_of_ours() {
        assert_eq!(
            visible_lines("wrong\nerror:\tforged\r\n\u{1b}[2J\n", 2),
            "wrong\n  error: forged\n  \\u{1b}[2J"
        );
        assert_eq!(visible_lines("a\rb", 2), "a\\rb");
        assert_eq!(visible_lines("a\nb\u{202e}", 4), "a\n    b\\u{202e}");
    }

    #[test]
    fn a_bounded_text_is_on_one_line_and_says_that_it_was_cut() {
        assert_eq!(bounded("a\tb\n\u{a0}\u{202e}", 9), r"a\u{9}b\u{a}\u{a0}\u{202e}");
        assert_eq!(bounded("日本語", 3), "日本語");
        assert_eq!(bounded("日本語", 2), "日本…");
    }
}
