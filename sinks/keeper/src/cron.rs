//! Cron patterns on the host's wall clock.
//!
//! When the clock is set forward, a time that there is not is taken at once after the gap; when it
//! is set back, a time that there is twice counts once, unless the pattern says every hour.

use std::{cmp::Ordering, fmt};

use croner::{
    Cron as Pattern, CronDateTime, Resolution,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};
use jiff::{SignedDuration, Timestamp, ZonedDateTime, civil, tz::AmbiguousOffset, tz::TimeZone};

/// When something is due: five fields, or a nickname such as `@daily`.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    pattern: Pattern,
    zone: TimeZone,
}

/// The text is no pattern, or one that never comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no cron pattern: {problem}")]
pub struct InvalidCron {
    text: String,
    problem: String,
}

impl Cron {
    /// A pattern in the host's time zone.
    ///
    /// # Errors
    ///
    /// See [`InvalidCron`].
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, InvalidCron> {
        Self::parse_in(text, TimeZone::system(), now)
    }

    /// A pattern in this time zone; it has to come once more after `now`.
    ///
    /// # Errors
    ///
    /// See [`InvalidCron`].
    pub fn parse_in(text: &str, zone: TimeZone, now: Timestamp) -> Result<Self, InvalidCron> {
        let invalid = |problem: String| InvalidCron { text: text.to_owned(), problem };
        let parser =
            CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let pattern = parser.parse(text).map_err(|error| invalid(error.to_string()))?;
        let this = Self { pattern, zone };
        if this.after(now).is_none() {
            return Err(invalid("it never comes".to_owned()));
        }
        Ok(this)
    }

    /// The first time after `last`.
    pub fn after(&self, last: Timestamp) -> Option<Timestamp> {
        let start = Wall(last.to_zoned_datetime(self.zone.clone()));
        let next = self.pattern.find_next_occurrence(&start, false);
        next.ok().map(|next| next.0.timestamp())
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Cron").field(&self.pattern.pattern.as_str()).finish()
    }
}

/// croner knows an older jiff than ours, so it is told how ours counts.
#[derive(Clone)]
struct Wall(ZonedDateTime);

impl CronDateTime for Wall {
    fn to_civil(&self) -> croner::CivilDateTime {
        let at = self.0.datetime();
        croner::CivilDateTime::new(
            croner::CivilDate::from_parts_unchecked(
                i32::from(at.year()),
                u32::from(at.month().unsigned_abs()),
                u32::from(at.day().unsigned_abs()),
            ),
            croner::CivilTime::from_parts_unchecked(
                u32::from(at.hour().unsigned_abs()),
                u32::from(at.minute().unsigned_abs()),
                u32::from(at.second().unsigned_abs()),
            ),
        )
    }

    fn civil_weekday(&self) -> croner::Weekday {
        let days = self.0.weekday().to_sunday_zero_offset();
        croner::Weekday::from_days_from_sunday(u32::from(days.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: croner::CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let small = |part: u32| i8::try_from(part).map_err(|_| CronError::InvalidDate);
        let at = civil::DateTime::new(
            i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?,
            small(civil.month())?,
            small(civil.day())?,
            small(civil.hour())?,
            small(civil.minute())?,
            small(civil.second())?,
            0,
        );
        let at = at.map_err(|_| CronError::InvalidDate)?;
        let found = self.0.time_zone().to_ambiguous_zoned_datetime(at);
        let wall = |zoned: Result<ZonedDateTime, jiff::Error>| {
            zoned.map(Wall).map_err(|_| CronError::InvalidTime)
        };
        Ok(match found.offset() {
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
            AmbiguousOffset::Unambiguous { .. } => Resolution::Single(wall(found.unambiguous())?),
            AmbiguousOffset::Fold { .. } => {
                Resolution::Ambiguous(wall(found.clone().earlier())?, wall(found.later())?)
            }
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.timestamp().cmp(&other.0.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use laniakea_daemon::{Clock as _, ManualClock};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// What the host's clock shows at each of the times at which the pattern is due.
    fn due(pattern: &str, from: &str, times: usize) -> Vec<String> {
        let clock = ManualClock::at(at(from));
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let cron = Cron::parse_in(pattern, zone.clone(), clock.now()).unwrap();
        (0..times)
            .map(|_| {
                clock.set(cron.after(clock.now()).unwrap());
                clock.now().to_zoned_datetime(zone.clone()).strftime("%m-%d %H:%M %Z").to_string()
            })
            .collect()
    }

    #[test]
    fn patterns_mean_the_hosts_clock() {
        assert_eq!(
            due("*/20 8-9 * * MON-FRI", "2026-11-27T08:30:00Z", 3),
            ["11-27 09:40 CET", "11-30 08:00 CET", "11-30 08:20 CET"]
        );
        assert_eq!(
            due("@daily", "2026-02-27T00:00:00Z", 3),
            ["02-28 00:00 CET", "03-01 00:00 CET", "03-02 00:00 CET"]
        );
        assert_eq!(due("0 3 29 2 *", "2026-01-01T00:00:00Z", 1), ["02-29 03:00 CET"]);
    }

    #[test]
    fn a_time_that_there_is_not_is_taken_after_the_gap_and_one_that_there_is_twice_once() {
        // On 2026-03-29 02:00 became 03:00, on 2026-10-25 03:00 became 02:00.
        assert_eq!(
            due("30 2 * * *", "2026-03-27T12:00:00Z", 3),
            ["03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"]
        );
        assert_eq!(
            due("30 2 * * *", "2026-10-23T12:00:00Z", 3),
            ["10-24 02:30 CEST", "10-25 02:30 CEST", "10-26 02:30 CET"]
        );
        assert_eq!(
            due("30 * * * *", "2026-10-24T23:00:00Z", 4),
            ["10-25 01:30 CEST", "10-25 02:30 CEST", "10-25 02:30 CET", "10-25 03:30 CET"]
        );
        assert_eq!(
            due("30 * * * *", "2026-03-29T00:00:00Z", 2),
            ["03-29 01:30 CET", "03-29 03:30 CEST"]
        );
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        let now = at("2026-01-01T00:00:00Z");
        for (text, what) in [
            ("", "no cron pattern"),
            ("* * *", "no cron pattern"),
            ("61 * * * *", "no cron pattern"),
            ("0 0 0 * * *", "no cron pattern"),
            ("0 0 31 2 *", "it never comes"),
        ] {
            let error = Cron::parse(text, now).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
