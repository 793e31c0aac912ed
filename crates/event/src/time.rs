//! The time in an event: when the source says that it was emitted.

use std::fmt;

use jiff::{SignedDuration, civil};

/// A time as RFC 3339 writes it, with a precision of nanoseconds; its offset may be absent.
///
/// Kept as a distance from the epoch, since the grammar allows times beyond what a timestamp
/// type can hold, and those must be judged by freshness and not by overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    since_epoch: SignedDuration,
    offset: Option<SignedDuration>,
}

impl EventTime {
    /// Parses `YYYY-MM-DDTHH:MM:SS`, one to nine fraction digits if any, and `Z`, `±HH:MM` or
    /// nothing; `None` where the text is of another form or no such moment exists.
    pub fn parse(text: &str) -> Option<Self> {
        let (date_time, rest) = text.split_at_checked(19)?;
        let bytes = date_time.as_bytes();
        let fixed = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if fixed.iter().any(|&(at, byte)| bytes[at] != byte) {
            return None;
        }
        let (nanosecond, rest) = fraction(rest)?;
        let year = i16::try_from(number(&date_time[0..4])?).ok()?;
        let part = |at: usize| i8::try_from(number(date_time.get(at..at + 2)?)?).ok();
        let civil = civil::DateTime::new(
            year,
            part(5)?,
            part(8)?,
            part(11)?,
            part(14)?,
            part(17)?,
            nanosecond,
        )
        .ok()?;
        let offset = if rest.is_empty() { None } else { Some(offset(rest)?) };
        let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
        let since_epoch = civil.duration_since(epoch) - offset.unwrap_or(SignedDuration::ZERO);
        Some(Self { since_epoch, offset })
    }

    /// The distance from 1970-01-01T00:00:00Z; a time without an offset is read as UTC.
    pub fn since_epoch(&self) -> SignedDuration {
        self.since_epoch
    }

    /// Whether the time says in which zone it is.
    pub fn has_offset(&self) -> bool {
        self.offset.is_some()
    }
}

/// Writes a moment as our own emitters and relays do: UTC, microseconds, `Z`.
pub fn write_utc(time: jiff::Timestamp) -> impl fmt::Display {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
}

/// The text is no moment that a stream can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoment {
    /// It is of another form.
    #[error("a time is written 2026-11-23T16:00:00Z")]
    Form,
    /// It is of that form, and there is no such moment.
    #[error("a time lies between the years 0 and 9999")]
    Range,
}

/// Reads a moment that somebody typed or asks for.
///
/// # Errors
///
/// It is no moment, or one that cannot be told.
pub fn parse_moment(text: &str) -> Result<jiff::Timestamp, InvalidMoment> {
    let is_in_range = |time: &jiff::Timestamp| {
        (0..=9999).contains(&jiff::tz::Offset::UTC.to_datetime(*time).year())
    };
    match text.parse() {
        Ok(time) => Some(time).filter(is_in_range).ok_or(InvalidMoment::Range),
        Err(_)
            if EventTime::parse(text).is_some_and(|time| time.has_offset())
                || has_long_year(text) =>
        {
            Err(InvalidMoment::Range)
        }
        Err(_) => Err(InvalidMoment::Form),
    }
}

/// A year of more than four digits, or one with a sign.
fn has_long_year(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let year = digits.find('-').unwrap_or(0);
    year >= 4
        && (year > 4 || digits.len() < text.len())
        && digits.bytes().take(year).all(|byte| byte.is_ascii_digit())
}

fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn fraction(rest: &str) -> Option<(i32, &str)> {
    let Some(rest) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    if !(1..=9).contains(&digits.len()) {
        return None;
    }
    Some((format!("{digits:0<9}").parse().ok()?, rest))
}

fn offset(rest: &str) -> Option<SignedDuration> {
    if rest == "Z" {
        return Some(SignedDuration::ZERO);
    }
    let (sign, hours_minutes) = match rest.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = hours_minutes.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60)
        .then(|| SignedDuration::from_mins(sign * i64::from(hours * 60 + minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_fractions_count() {
        let nanoseconds = |text| EventTime::parse(text).unwrap().since_epoch().as_nanos();
        assert_eq!(nanoseconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(nanoseconds("1970-01-01T02:00:00.5+02:00"), 500_000_000);
        assert_eq!(nanoseconds("1969-12-31T23:59:59.999999999-00:00"), -1);
        assert!(nanoseconds("9999-12-31T23:59:59-23:59") > 0);
        assert!(nanoseconds("0000-01-01T00:00:00+23:59") < 0);
    }

    #[test]
    fn a_moment_that_is_no_time_and_one_that_is_too_far_are_told_apart() {
        for text in [
            "9999-12-31T23:59:59Z",
            "-000100-01-01T00:00:00Z",
            "-9999-01-01T00:00:00Z",
            "+012026-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
        ] {
            assert_eq!(parse_moment(text), Err(InvalidMoment::Range), "{text}");
        }
        for text in ["", "soon", "2026-13-01T00:00:00Z", "2026-11-01", "-", "-x", "12345"] {
            assert_eq!(parse_moment(text), Err(InvalidMoment::Form), "{text}");
        }
        for text in ["9001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"] {
            assert!(parse_moment(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn only_a_missing_offset_is_missing() {
        assert!(!EventTime::parse("2026-03-01T12:00:00.123456").unwrap().has_offset());
        assert!(EventTime::parse("2026-03-01T12:00:00Z").unwrap().has_offset());
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2026-03-01",
            "2026-03-01 12:00:00Z",
            "2026-03-01t12:00:00Z",
            "2026-03-01T12:00:00z",
            "2026-03-01T25:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:00:60Z",
            "2026-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00.1234567890Z",
            "2026-03-01T12:00:00+0200",
            "2026-03-01T12:00:00+24:00",
            "2026-03-01T12:00:00+02:60",
            "2026-03-01T12:00:00ZZ",
            "2026-03-01T12:00Z",
            "2026-03-01T12:00:00 ",
            "+026-03-01T12:00:00Z",
            "2026-03-01T12:00:00+2:00",
            "2026-03-01T12:00:0é",
            "２026-03-01T12:00:00Z",
        ] {
            assert_eq!(EventTime::parse(text), None, "{text:?}");
        }
    }
}
