//! Patterns of Python's `fnmatch` as patterns of ours.
//!
//! They differ in what is special: braces and backslashes are not in `fnmatch`, brackets follow
//! rules of their own there (`class`), and `?` is one byte here and one character there.

use laniakea_filter::Glob;

use super::class::Class;

/// A pattern of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Translated {
    /// The pattern.
    pub(super) glob: String,
    /// It matches more than the old one, which cannot be written here.
    pub(super) is_wider: bool,
    /// Something in it stands for one byte here, and for one character there.
    pub(super) counts_bytes: bool,
}

#[derive(Debug)]
enum Piece {
    Star,
    Any,
    Literal(char),
    Class(Class),
}

/// The pattern in our words; none if it matches no text at all.
pub(super) fn translate(pattern: &str) -> Option<Translated> {
    let pieces = pieces(pattern);
    let is_impossible = |piece: &Piece| matches!(piece, Piece::Class(class) if class.is_nothing());
    if pieces.iter().any(is_impossible) {
        return None;
    }
    let mut writer = Writer::default();
    for piece in &pieces {
        writer.push(piece, pattern.is_ascii());
    }
    let translated = writer.translated;
    if translated.glob.parse::<Glob>().is_ok() {
        return Some(translated);
    }
    // Too long, or brackets on both sides of letters beyond ASCII.
    Some(Translated { glob: "*".to_owned(), is_wider: true, ..translated })
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        pieces.push(match character {
            '*' => Piece::Star,
            '?' => Piece::Any,
            '[' => match Class::parse(rest) {
                Some((class, after)) => {
                    rest = after;
                    Piece::Class(class)
                }
                None => Piece::Literal('['),
            },
            other => Piece::Literal(other),
        });
    }
    pieces
}

#[derive(Debug, Default)]
struct Writer {
    translated: Translated,
    ends_in_star: bool,
}

impl Writer {
    fn push(&mut self, piece: &Piece, pattern_is_ascii: bool) {
        let was_star = std::mem::take(&mut self.ends_in_star);
        match piece {
            Piece::Star => self.push_star(was_star),
            Piece::Any => self.push_any(),
            Piece::Literal(character) => push_literal(&mut self.translated.glob, *character),
            Piece::Class(class) if class.is_everything() => self.push_any(),
            Piece::Class(class) => {
                if let Some(text) = class.to_glob(pattern_is_ascii) {
                    self.translated.counts_bytes |= class.is_negated;
                    self.translated.glob.push_str(&text);
                } else {
                    self.translated.is_wider = true;
                    self.push_star(was_star);
                }
            }
        }
    }

    /// Two stars mean something else here than one.
    fn push_star(&mut self, was_star: bool) {
        if !was_star {
            self.translated.glob.push('*');
        }
        self.ends_in_star = true;
    }

    fn push_any(&mut self) {
        self.translated.counts_bytes = true;
        self.translated.glob.push('?');
    }
}

/// A character that stands for itself.
pub(super) fn push_literal(out: &mut String, character: char) {
    if "*?[{}\\".contains(character) {
        out.push('\\');
    }
    out.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str) -> Option<String> {
        translate(pattern).map(|translated| translated.glob)
    }

    #[test]
    fn patterns_that_mean_the_same_stay_as_they_are() {
        for pattern in
            ["", "landing", "_lk.archive.*", "gnome-?", "[a-c]*", "[!a-c]x", "Jürgen*", "a.b^!-c"]
        {
            assert_eq!(glob(pattern).as_deref(), Some(pattern));
        }
    }

    #[test]
    fn what_is_special_here_alone_is_escaped() {
        for (pattern, wanted) in [
            ("a{b,c}", r"a\{b,c\}"),
            (r"a\*", r"a\\*"),
            ("a**/b***", "a*/b*"),
            ("[a", r"\[a"),
            ("[!]", r"\[!]"),
            ("[*]*", r"\**"),
        ] {
            assert_eq!(glob(pattern).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn brackets_are_read_as_python_does() {
        for (pattern, wanted) in [
            ("[]a]", "[]a]"),
            ("[!]a]", "[!]a]"),
            ("[^a]", "[a^]"),
            ("[a^-]", "[a^-]"),
            ("[!^]", "[!^]"),
            ("[!!]", "[!!]"),
            ("[^!]", "{!,^}"),
            ("[a-]", "[a-]"),
            ("[--/]", "[./-]"),
            ("[ab-a]", "a"),
            ("[[:alpha:]]", "[:[ahlp]]"),
            (r"[\d]", r"[\d]"),
            ("[!b-a]", "?"),
            ("[äb]", "{b,ä}"),
            ("ä[,{]", r"ä{\,,\{}"),
        ] {
            assert_eq!(glob(pattern).as_deref(), Some(wanted), "{pattern}");
        }
        assert_eq!(glob("x[b-a]"), None);
    }

    #[test]
    fn what_cannot_be_written_becomes_wider_and_says_so() {
        let long = "x".repeat(300);
        for (pattern, wanted) in [
            ("a[!ä]b", "a*b"),
            ("[!а-я]*", "*"),
            ("[\u{100}-\u{200}]", "*"),
            (long.as_str(), "*"),
            ("[[]ä[]]x", "*"),
        ] {
            let translated = translate(pattern).unwrap();
            assert_eq!((translated.glob.as_str(), translated.is_wider), (wanted, true));
        }
    }

    #[test]
    fn what_stands_for_a_byte_is_known() {
        for (pattern, wanted) in [("a?", true), ("[!a]", true), ("[a-c]*", false), ("[?]", false)] {
            assert_eq!(translate(pattern).unwrap().counts_bytes, wanted, "{pattern}");
        }
    }
}
