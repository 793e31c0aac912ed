//! Spans of time as people write them.

use std::str::FromStr;

use jiff::SignedDuration;
use laniakea_daemon::Age;
use serde::Deserialize;

/// `"30s"`, `"2h"`: a number and s, m, h or d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(SignedDuration);

impl Span {
    /// A number of seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(SignedDuration::from_secs(seconds))
    }

    /// How long it is.
    pub fn duration(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || {
            let shown: String = text.chars().take(40).collect();
            format!(
                "{shown:?} is no span of time: write a number and s, m, h or d, such as \"30s\""
            )
        };
        let limit = text.parse::<Age>().map_err(|_| problem())?.limit().ok_or_else(problem)?;
        SignedDuration::try_from(limit).map(Self).map_err(|_| problem())
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A span in its largest two units, for people.
pub fn human_span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!("2h".parse(), Ok(Span::from_seconds(7_200)));
        for text in ["", "2", "h", "unlimited", "-1s", "2 h"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_shown_in_two_units_at_most() {
        for (seconds, shown) in
            [(5, "5 s"), (90, "1 min"), (7_200, "2 h"), (7_260, "2 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(human_span(SignedDuration::from_secs(seconds)), shown);
        }
    }
}
