//! What the file of an event is called, and how a person names one.

use std::{fmt, str::FromStr};

use laniakea_event::Digest;

/// `<20 digits>-<digest>.json`: the order of the names is that of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Counts up.
    pub number: u64,
    /// Which event it is; damage to the file shows by it.
    pub digest: Digest,
}

impl Name {
    /// `None` for a file that is not ours.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let (number, digest) = file.strip_suffix(".json")?.split_once('-')?;
        let is_number = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| number.parse().ok())??;
        Some(Self { number, digest: digest.parse().ok()? })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:020}-{}.json", self.number, self.digest)
    }
}

/// How a person names one of the events: by its number, or by its digest or the beginning of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

/// The text can name no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write the number of an event, or at least 8 digits of its digest")]
pub struct InvalidPattern;

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = text.parse::<u64>().is_ok();
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_number || (8..=64).contains(&text.len()) && is_hex {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidPattern)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Pattern {
    /// Which of the names are meant: those of a number, or else those of a digest. Several mean
    /// that the pattern is too short.
    pub fn select(&self, names: impl Iterator<Item = Name> + Clone) -> Vec<Name> {
        let number: Option<u64> = self.0.parse().ok();
        let by_number: Vec<Name> =
            names.clone().filter(|name| Some(name.number) == number).collect();
        if !by_number.is_empty() || self.0.len() < 8 {
            return by_number;
        }
        names.filter(|name| name.digest.to_string().starts_with(&self.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_sort_by_number() {
        let name = |number| Name { number, digest: Digest::of(b"x") };
        for number in [0, 9, 10, u64::MAX] {
            assert_eq!(Name::parse(&name(number).to_string()), Some(name(number)));
        }
        assert!(name(9).to_string() < name(10).to_string());
        let digest = Digest::of(b"x");
        for foreign in [
            "lock".to_owned(),
            String::new(),
            "-.json".to_owned(),
            format!("1-{digest}.json"),
            format!("+0000000000000000001-{digest}.json"),
            format!("99999999999999999999-{digest}.json"),
            format!("00000000000000000001-{digest}.json~"),
            format!("00000000000000000001-{digest}"),
            format!(".new-00000000000000000001-{digest}.json"),
            format!("00000000000000000001-{}.json", digest.to_string().to_uppercase()),
        ] {
            assert_eq!(Name::parse(&foreign), None, "{foreign}");
        }
    }

    #[test]
    fn events_are_named_by_number_or_digest() {
        let names: Vec<Name> = (1..=3)
            .map(|number: u64| Name { number, digest: Digest::of(&number.to_be_bytes()) })
            .collect();
        let select = |text: &str| text.parse::<Pattern>().unwrap().select(names.iter().copied());
        assert_eq!(select("2"), [names[1]]);
        assert_eq!(select("4"), []);
        let digest = names[2].digest.to_string();
        assert_eq!(select(&digest[..8]), [names[2]]);
        assert_eq!(select(&digest), [names[2]]);
        for text in ["", "x", "abc", "-1", "ABCDEF0123", &"a".repeat(65), "12345678g"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
