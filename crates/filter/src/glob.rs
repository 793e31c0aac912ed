//! Patterns for text, as shells have them.

use std::{fmt, str::FromStr};

use globset::{Candidate, GlobBuilder, GlobMatcher};
use laniakea_catalog::bounded;
use serde::{Deserialize, Serialize};

/// The longest pattern, in bytes. With what is matched against it bounded too, the worst pattern
/// of this length takes a fraction of a second.
pub const MAX_GLOB_BYTES: usize = 256;

/// Characters that do not stand for themselves.
const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// The longest description of what is wrong with a pattern, in characters.
const MAX_PROBLEM: usize = 200;

/// A pattern for a whole text: `*` stands for any text, `?` for one byte, `[a-z]` and `[!a-z]` for
/// one of these bytes or any other, `{sid,trixie}` for one of these patterns, and `\*` for `*`.
///
/// Dots, slashes and line breaks are like all other characters. Upper and lower case differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob {
    pattern: String,
    shape: Shape,
    matcher: GlobMatcher,
}

/// Most patterns are so simple that a comparison does, which costs a tenth.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// It stands for itself.
    Literal,
    /// It stands for what begins so, up to the `*` at its end.
    Beginning,
    /// Only the library knows.
    Other,
}

impl Shape {
    fn of(pattern: &str) -> Self {
        let is_plain = |text: &str| !text.contains(SPECIAL);
        match pattern.strip_suffix('*') {
            _ if is_plain(pattern) => Self::Literal,
            Some(beginning) if is_plain(beginning) => Self::Beginning,
            _ => Self::Other,
        }
    }
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// It has more than [`MAX_GLOB_BYTES`].
    #[error("the pattern {start:?}… is longer than {MAX_GLOB_BYTES} bytes")]
    Long {
        /// How it begins.
        start: String,
    },
    /// A class of letters of which each is several bytes: it would match a part of one.
    #[error("the pattern {pattern:?} has a letter beyond ASCII in brackets; name both in braces")]
    Class {
        /// The pattern.
        pattern: String,
    },
    /// Brackets or braces without their other half, and the like.
    #[error("{pattern:?} is no pattern: {problem}")]
    Syntax {
        /// The text.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Glob {
    /// Whether the pattern stands for the whole of this text.
    pub fn matches(&self, text: &str) -> bool {
        match self.shape {
            Shape::Literal => self.pattern == text,
            Shape::Beginning => {
                self.pattern.strip_suffix('*').is_some_and(|beginning| text.starts_with(beginning))
            }
            Shape::Other => self.matcher.is_match_candidate(&Candidate::from_bytes(text)),
        }
    }

    /// The one text that the pattern stands for, if it stands for one.
    pub(crate) fn literal(&self) -> Option<&str> {
        matches!(self.shape, Shape::Literal).then_some(self.pattern.as_str())
    }

    /// How all the texts begin that the pattern stands for.
    pub(crate) fn beginning(&self) -> &str {
        self.pattern.split(SPECIAL).next().unwrap_or_default()
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        if pattern.len() > MAX_GLOB_BYTES {
            return Err(InvalidGlob::Long { start: pattern.chars().take(40).collect() });
        }
        let pattern = pattern.to_owned();
        if has_letter_in_brackets(&pattern) {
            return Err(InvalidGlob::Class { pattern });
        }
        // Paths are what the library is for; these make it know nothing of them.
        let built = GlobBuilder::new(&pattern)
            .literal_separator(false)
            .backslash_escape(true)
            .empty_alternates(true)
            .build();
        match built {
            Ok(glob) => {
                let (shape, matcher) = (Shape::of(&pattern), glob.compile_matcher());
                Ok(Self { pattern, shape, matcher })
            }
            Err(error) => {
                // It repeats what it found.
                let problem = bounded(&error.kind().to_string(), MAX_PROBLEM);
                Err(InvalidGlob::Syntax { problem, pattern })
            }
        }
    }
}

/// Whether a letter beyond ASCII stands where a class may be. Whoever escapes the brackets around
/// one is refused, too, and can write `?` for them.
fn has_letter_in_brackets(pattern: &str) -> bool {
    let brackets = pattern.find('[').zip(pattern.rfind(']'));
    brackets.and_then(|(from, to)| pattern.get(from..to)).is_some_and(|class| !class.is_ascii())
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

impl TryFrom<String> for Glob {
    type Error = InvalidGlob;

    fn try_from(pattern: String) -> Result<Self, Self::Error> {
        pattern.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.pattern
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Glob {}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        pattern.parse::<Glob>().unwrap().matches(text)
    }

    #[test]
    fn a_pattern_stands_for_the_whole_text() {
        for (pattern, text) in [
            ("landing", "landing"),
            ("_lk.archive.*", "_lk.archive.package-build-failed"),
            ("_lk.*.job-*", "_lk.jobs.job-assigned"),
            ("*", ""),
            ("*", "a/b\nc.d"),
            ("*-failed", "a/b/c.build-failed"),
            ("gnome-?", "gnome-1"),
            ("?", "/"),
            ("[a-c]*", "bash"),
            ("[!a-c]*", "dash"),
            ("{landing,byzantium}", "byzantium"),
            ("lib{x,y*}{,-dev}", "liby11-dev"),
            ("lib{x,y*}{,-dev}", "libx"),
            (r"\*\?\[\{", "*?[{"),
            ("Jürgen*", "Jürgen Müller"),
            ("J??rgen", "Jürgen"),
            ("", ""),
        ] {
            assert!(matches(pattern, text), "{pattern} {text:?}");
        }
    }

    #[test]
    fn a_pattern_stands_for_no_other_text() {
        for (pattern, text) in [
            ("landing", "landing-updates"),
            ("landing", "old-landing"),
            ("landing", "Landing"),
            ("landing", ""),
            ("", "landing"),
            ("_lk.archive.*", "_lk.archive"),
            ("_lk.archive.*", "_lk-archive-x"),
            ("gnome-?", "gnome-"),
            ("gnome-?", "gnome-10"),
            ("[a-c]*", "dash"),
            ("[!a-c]*", "bash"),
            ("{landing,byzantium}", "{landing,byzantium}"),
            ("{landing,byzantium}", "landing,byzantium"),
            ("a.c", "abc"),
            (r"\*", "x"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_text() {
        for text in ["[a", "{a", "a}", "[b-a]", r"a\", "[", "[]"] {
            let error = text.parse::<Glob>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is no pattern: ")), "{error}");
        }
        for text in ["[äö]x", "[a-ü]", "x[!ß]"] {
            assert!(matches!(text.parse::<Glob>(), Err(InvalidGlob::Class { .. })), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_bounded_and_an_error_about_it_too() {
        assert!("*".repeat(MAX_GLOB_BYTES).parse::<Glob>().is_ok());
        let error = "\u{1b}ä".repeat(1 << 20).parse::<Glob>().unwrap_err().to_string();
        assert!(error.len() < 400 && !error.contains('\u{1b}'), "{error}");
        let error = "[b-\u{1b}]".parse::<Glob>().unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error:?}");
    }
}
