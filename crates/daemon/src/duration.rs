//! Durations as configuration files have them.

use std::{fmt, str::FromStr, time::Duration};

use serde::Deserialize;

/// `"7d"`, `"10m"`, or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Age {
    /// No limit.
    Unlimited,
    /// At most this long.
    Limited(Duration),
}

/// The text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: write a number and s, m, h or d, such as \"7d\", or \"unlimited\"")]
pub struct InvalidAge(String);

impl Age {
    /// The limit, if there is one.
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::Unlimited => None,
            Self::Limited(duration) => Some(duration),
        }
    }
}

impl FromStr for Age {
    type Err = InvalidAge;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let invalid = || InvalidAge(text.chars().take(40).collect());
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(invalid()),
        };
        let count: u32 = text[..text.len() - 1].parse().map_err(|_| invalid())?;
        Ok(Self::Limited(Duration::from_secs(u64::from(count) * unit)))
    }
}

impl TryFrom<String> for Age {
    type Error = InvalidAge;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Limited(duration) = self else {
            return formatter.write_str("unlimited");
        };
        let seconds = duration.as_secs();
        match [(86_400, 'd'), (3_600, 'h'), (60, 'm')]
            .into_iter()
            .find(|(unit, _)| seconds % unit == 0)
        {
            Some((unit, name)) if seconds > 0 => write!(formatter, "{}{name}", seconds / unit),
            _ => write!(formatter, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in
            [("0s", 0), ("90s", 90), ("10m", 600), ("36h", 129_600), ("400d", 34_560_000)]
        {
            assert_eq!(text.parse(), Ok(Age::Limited(Duration::from_secs(seconds))), "{text}");
        }
        assert_eq!("unlimited".parse(), Ok(Age::Unlimited));
        for text in ["", "7", "d", "-1d", "1.5h", "7 d", "7w", "99999999999d", "é"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
        assert_eq!(Age::Limited(Duration::from_hours(168)).to_string(), "7d");
    }
}
