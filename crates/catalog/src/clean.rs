//! Foreign text made fit for one line of a terminal or a chat room.

/// Makes `text` one line of at most `max` characters.
///
/// - White space of any kind, line breaks included, becomes one space; none is left at the ends.
/// - What does not show, or makes other text show differently (control characters, terminal
///   escapes, bidirectional controls, zero-width characters), is written out as `\u{1b}`.
/// - Text beyond `max` is cut, with `…` as the last character.
///
/// Cleaning twice changes nothing, unless `max` is smaller the second time.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let mut line = Line::new(max);
    for character in text.trim().chars() {
        if !line.push(character) {
            break;
        }
    }
    line.text
}

/// The line so far. Knows its length, so that a megabyte of text costs no more than it shows.
struct Line {
    text: String,
    chars: usize,
    max: usize,
    after_space: bool,
    /// Where to cut so that `…` still fits, and how many characters are before that.
    cut: usize,
}

impl Line {
    fn new(max: usize) -> Self {
        Self { text: String::new(), chars: 0, max, after_space: false, cut: 0 }
    }

    /// Adds a character; false once the line is full, and then it ends in `…`.
    fn push(&mut self, character: char) -> bool {
        if character.is_whitespace() {
            if self.after_space {
                return true;
            }
            self.after_space = true;
            return self.append(" ", 1);
        }
        self.after_space = false;
        if is_hidden(character) {
            let escape = character.escape_unicode().to_string();
            return self.append(&escape, escape.len());
        }
        self.append(character.encode_utf8(&mut [0; 4]), 1)
    }

    fn append(&mut self, piece: &str, length: usize) -> bool {
        if self.chars + length > self.max {
            self.text.truncate(self.cut);
            self.text.push('…');
            return false;
        }
        self.text.push_str(piece);
        self.chars += length;
        if self.chars < self.max {
            self.cut = self.text.len();
        }
        true
    }
}

/// Whether a character is invisible or changes how its neighbours look.
///
/// Unicode's control and format characters, its invisible fillers, and the tag and variation
/// characters beyond the first plane, in which text can be smuggled. (The variation selectors of
/// the first plane stay: they make the difference between a sign and its emoji.)
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let text = "Jürgen Müller uploaded 日本語 1:2.3~rc1+b1 → ünstable";
        assert_eq!(one_line(text, 500), text);
    }

    #[test]
    fn white_space_of_any_kind_becomes_one_space() {
        assert_eq!(one_line(" a\r\n\tb\u{2028}c\u{a0}\u{85}d \n", 50), "a b c d");
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        assert_eq!(one_line("\u{1b}[2Jx", 50), r"\u{1b}[2Jx");
        assert_eq!(
            one_line("a\0\u{9b}\u{202e}\u{200b}\u{e0041}", 99),
            r"a\u{0}\u{9b}\u{202e}\u{200b}\u{e0041}"
        );
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
        assert_eq!(one_line("日本語日本語日", 6), "日本語日本…");
        assert_eq!(one_line(&"x".repeat(1 << 20), 500).chars().count(), 500);
    }

    #[test]
    fn an_escape_is_never_cut_in_half() {
        assert_eq!(one_line("abc\u{1b}", 8), "abc…");
        assert_eq!(one_line("abc\u{1b}", 9), r"abc\u{1b}");
        assert_eq!(one_line("abc\u{1b}d", 9), "abc…");
    }

    #[test]
    fn cleaning_again_changes_nothing() {
        for text in ["a\n b\u{1b}c", "abc\u{1b}\u{1b}\u{1b}def", "  "] {
            let once = one_line(text, 12);
            assert_eq!(one_line(&once, 12), once);
        }
    }
}
