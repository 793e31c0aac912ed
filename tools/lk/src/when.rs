//! Points in time, as people type them: `2026-11-01T00:00:00Z`, or `2h` ago.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use laniakea_daemon::{Age, Clock};
use laniakea_event::{InvalidMoment, parse_moment, write_utc};

/// A moment, or a distance into the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// This moment.
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

/// The text is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidWhen {
    /// It is something else.
    #[error(
        "write a time such as 2026-11-01T00:00:00Z, or how long ago: a number and s, m, h or d, such as 2h"
    )]
    Form,
    /// There is no such time.
    #[error(transparent)]
    Moment(InvalidMoment),
}

impl When {
    /// The moment, in the form that the protocol has.
    pub(crate) fn to_text(self, clock: &dyn Clock) -> String {
        write_utc(self.resolve(clock)).to_string()
    }

    fn resolve(self, clock: &dyn Clock) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(distance) => {
                clock.now().checked_sub(distance).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }
}

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(Age::Limited(distance)) = text.parse() {
            let distance = SignedDuration::try_from(distance);
            return distance.map(Self::Ago).map_err(|_| InvalidWhen::Form);
        }
        parse_moment(text).map(Self::At).map_err(|error| match error {
            InvalidMoment::Form => InvalidWhen::Form,
            InvalidMoment::Range => InvalidWhen::Moment(error),
        })
    }
}

/// A length of time, as people type it.
///
/// # Errors
///
/// It is no number and unit, or nothing at all.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(Age::Limited(duration)) if !duration.is_zero() => Ok(duration),
        _ => Err("write a number and s, m, h or d, such as 10s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use laniakea_daemon::ManualClock;

    use super::*;

    #[test]
    fn times_and_distances_are_understood() {
        let clock = ManualClock::at("2026-11-23T16:00:00Z".parse().unwrap());
        for (text, moment) in [
            ("2h", "2026-11-23T14:00:00.000000Z"),
            ("30d", "2026-10-24T16:00:00.000000Z"),
            ("90s", "2026-11-23T15:58:30.000000Z"),
            ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00.000000Z"),
            ("2026-11-01T02:00:00.5+02:00", "2026-11-01T00:00:00.500000Z"),
            ("4000000000d", "1970-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(text.parse::<When>().unwrap().to_text(&clock), moment, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2",
            "h",
            "-2h",
            "2 h",
            "yesterday",
            "2026-11-01",
            "unlimited",
            "2026-11-01T00:00:00",
        ] {
            assert_eq!(text.parse::<When>(), Err(InvalidWhen::Form), "{text}");
        }
        let far = "9999-12-31T23:59:59Z".parse::<When>().unwrap_err();
        assert_eq!(far.to_string(), "a time lies between the years 0 and 9999");
        for text in ["", "0s", "unlimited", "1.5s", "10"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
