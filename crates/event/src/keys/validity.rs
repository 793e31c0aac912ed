//! When a trusted key counts: the marks in its file.

use std::fmt;

use jiff::Timestamp;

use crate::EventTime;

/// When a key counts, as the `trust` section of its file in the trusted directory says.
///
/// A key without marks always counts. Both ends are half-open: a key counts from `from` on, and
/// no more at `until` and at `revoked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// `valid-from`: not before.
    pub from: Option<Timestamp>,
    /// `valid-until`: no more at this time.
    pub until: Option<Timestamp>,
    /// `revoked`: no more at this time, since somebody else may have the key.
    pub revoked: Option<Timestamp>,
}

/// What a key is at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Valid,
    /// It will count from then on.
    NotYet(Timestamp),
    /// It counted until then.
    Expired(Timestamp),
    /// It was taken out of use then.
    Revoked(Timestamp),
}

impl Validity {
    /// No marks: always.
    pub const ALWAYS: Self = Self { from: None, until: None, revoked: None };

    /// What the key is at this time. Revoked goes before expired, and both before not yet valid.
    pub fn standing(&self, at: Timestamp) -> Standing {
        let is_over = |end: Option<Timestamp>| end.filter(|end| at >= *end);
        if let Some(revoked) = is_over(self.revoked) {
            return Standing::Revoked(revoked);
        }
        if let Some(until) = is_over(self.until) {
            return Standing::Expired(until);
        }
        match self.from {
            Some(from) if at < from => Standing::NotYet(from),
            _ => Standing::Valid,
        }
    }

    /// Whether the key counts at this time.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.standing(at) == Standing::Valid
    }
}

/// As in `key 0 of archive-01 was revoked at 2026-11-25T12:00:00Z`.
impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => formatter.write_str("is valid"),
            Self::NotYet(from) => write!(formatter, "is not valid before {from}"),
            Self::Expired(until) => write!(formatter, "expired at {until}"),
            Self::Revoked(revoked) => write!(formatter, "was revoked at {revoked}"),
        }
    }
}

/// Reads a moment: RFC 3339 with an offset, as in the `time` of events.
pub(crate) fn parse_moment(text: &str) -> Option<Timestamp> {
    let time = EventTime::parse(text).filter(EventTime::has_offset)?;
    Timestamp::from_duration(time.since_epoch()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn validity_begins_with_its_first_moment_and_ends_before_its_last() {
        let validity = Validity { from: Some(at(10)), until: Some(at(20)), revoked: Some(at(15)) };
        let unrevoked = Validity { revoked: None, ..validity };
        let just_before = |second| at(second) - jiff::SignedDuration::from_nanos(1);
        for (time, with, without) in [
            (just_before(10), Standing::NotYet(at(10)), Standing::NotYet(at(10))),
            (at(10), Standing::Valid, Standing::Valid),
            (just_before(15), Standing::Valid, Standing::Valid),
            (at(15), Standing::Revoked(at(15)), Standing::Valid),
            (just_before(20), Standing::Revoked(at(15)), Standing::Valid),
            (at(20), Standing::Revoked(at(15)), Standing::Expired(at(20))),
        ] {
            assert_eq!(validity.standing(time), with, "{time}");
            assert_eq!(unrevoked.standing(time), without, "{time}");
        }
        assert!(Validity::ALWAYS.covers(Timestamp::MIN) && Validity::ALWAYS.covers(Timestamp::MAX));
    }

    #[test]
    fn a_key_that_was_revoked_before_it_began_never_counts() {
        let validity = Validity { from: Some(at(10)), until: None, revoked: Some(at(5)) };
        assert!((0..20).all(|second| !validity.covers(at(second))));
    }

    #[test]
    fn a_moment_has_an_offset() {
        let noon = parse_moment("2026-11-25T12:00:00Z").unwrap();
        assert_eq!(parse_moment("2026-11-25T13:00:00+01:00"), Some(noon));
        for text in ["", "2026-11-25", "2026-11-25T12:00:00", "2026-11-25 12:00:00Z", "tomorrow"] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
        assert_eq!(parse_moment("9999-12-31T23:59:59-23:59"), None, "beyond what can be held");
    }
}
