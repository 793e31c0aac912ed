//! Brackets in a pattern: one character out of some.

use super::glob::push_literal;

/// So many characters are written out one by one; more than names have in brackets.
const MAX_WRITTEN: usize = 64;
/// What means something in our brackets.
const SPECIAL: &str = "]!^-";

/// Which characters are meant.
#[derive(Debug)]
pub(super) struct Class {
    /// All but these.
    pub(super) is_negated: bool,
    /// From the first to the last of each.
    ranges: Vec<(char, char)>,
}

impl Class {
    /// Reads what follows an opening bracket as Python does; returns what comes after it, too. None
    /// if the bracket is never closed: then it stands for itself.
    pub(super) fn parse(rest: &str) -> Option<(Self, &str)> {
        let is_negated = rest.starts_with('!');
        let rest = rest.strip_prefix('!').unwrap_or(rest);
        // A bracket that closes nothing yet is one of the characters.
        let first = rest.chars().next()?.len_utf8();
        let end = first + rest.get(first..)?.find(']')?;
        let ranges = ranges(&rest.get(..end)?.chars().collect::<Vec<_>>());
        Some((Self { is_negated, ranges }, rest.get(end + 1..)?))
    }

    /// Whether there is no such character.
    pub(super) fn is_nothing(&self) -> bool {
        self.ranges.is_empty() && !self.is_negated
    }

    /// Whether it may be any character.
    pub(super) fn is_everything(&self) -> bool {
        self.ranges.is_empty() && self.is_negated
    }

    /// The same in our words, if there are any. Where a pattern has letters beyond ASCII, brackets
    /// are avoided.
    pub(super) fn to_glob(&self, pattern_is_ascii: bool) -> Option<String> {
        let is_ascii = self.ranges.iter().all(|(_, last)| last.is_ascii());
        if self.is_negated {
            return is_ascii.then(|| self.in_brackets());
        }
        let written = self.written();
        match written.as_deref() {
            Some([only]) => Some(literal(*only)),
            Some(_) if is_ascii && pattern_is_ascii && !self.seems_negated() => {
                Some(self.in_brackets())
            }
            Some(characters) => Some(in_braces(characters)),
            None => is_ascii.then(|| self.in_brackets()),
        }
    }

    fn has(&self, character: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&character))
    }

    /// Whether nothing could stand before a `!` or `^`.
    fn seems_negated(&self) -> bool {
        !self.has(']') && self.plain().is_empty()
    }

    /// The ASCII characters that are not special, in order.
    fn plain(&self) -> Vec<char> {
        ('\0'..='\x7f').filter(|c| self.has(*c) && !SPECIAL.contains(*c)).collect()
    }

    /// All characters in order, if they are not too many.
    fn written(&self) -> Option<Vec<char>> {
        let all = self.ranges.iter().flat_map(|(first, last)| *first..=*last);
        let mut all: Vec<char> = all.take(MAX_WRITTEN + 1).collect();
        let are_all = all.len() <= MAX_WRITTEN;
        all.sort_unstable();
        all.dedup();
        are_all.then_some(all)
    }

    /// The closing bracket comes first and the hyphen last, where they stand for themselves; in
    /// order, an opening bracket never comes before a colon, which would name a class.
    fn in_brackets(&self) -> String {
        let mut out = String::from(if self.is_negated { "[!" } else { "[" });
        out.extend(self.has(']').then_some(']'));
        let plain = self.plain();
        let mut rest = plain.as_slice();
        while let Some(first) = rest.first() {
            let run = rest.iter().zip(*first..).take_while(|(is, would_be)| *is == would_be);
            let (run, after) = rest.split_at(run.count());
            match run {
                [first, _, .., last] => out.extend([*first, '-', *last]),
                few => out.extend(few),
            }
            rest = after;
        }
        out.extend("!^-".chars().filter(|special| self.has(*special)));
        out.push(']');
        out
    }
}

/// Three characters with a hyphen between are a range; one that runs backwards is empty.
fn ranges(characters: &[char]) -> Vec<(char, char)> {
    let mut ranges = Vec::new();
    let mut rest = characters;
    loop {
        match rest {
            [first, '-', last, after @ ..] => {
                ranges.extend((first <= last).then_some((*first, *last)));
                rest = after;
            }
            [single, after @ ..] => {
                ranges.push((*single, *single));
                rest = after;
            }
            [] => return ranges,
        }
    }
}

fn in_braces(characters: &[char]) -> String {
    let literals: Vec<String> = characters
        .iter()
        .map(|character| if *character == ',' { "\\,".to_owned() } else { literal(*character) })
        .collect();
    format!("{{{}}}", literals.join(","))
}

fn literal(character: char) -> String {
    let mut out = String::new();
    push_literal(&mut out, character);
    out
}
