//! Times, as a person at a terminal reads them.

use jiff::{Timestamp, civil, tz::TimeZone};
use laniakea_event::EventTime;

/// The time zone that times are shown in.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// That of this machine, or `$TZ`.
    pub(crate) fn local() -> Self {
        Self(TimeZone::system())
    }

    /// The one that everybody has in common.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Shows a moment; a time without a zone stays what it is. `None` for years that no calendar
    /// on this machine has.
    pub(crate) fn show(&self, time: EventTime) -> Option<Moment> {
        let since_epoch = time.since_epoch();
        let timestamp = Timestamp::from_duration(since_epoch).ok()?;
        let zone = if time.has_offset() { self.0.clone() } else { TimeZone::UTC };
        Some(Moment(zone.to_datetime(timestamp)))
    }
}

/// A date and time on the clock at the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(civil::DateTime);

impl Moment {
    /// `2026-11-23`
    pub(crate) fn date(self) -> String {
        self.0.strftime("%Y-%m-%d").to_string()
    }

    /// `16:00:00`
    pub(crate) fn time(self) -> String {
        self.0.strftime("%H:%M:%S").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_zone_unless_they_have_none() {
        let zone = Zone(TimeZone::fixed(jiff::tz::offset(2)));
        let show = |text| {
            let moment = zone.show(EventTime::parse(text).unwrap())?;
            Some(format!("{} {}", moment.date(), moment.time()))
        };
        assert_eq!(show("2026-11-23T22:30:00Z").as_deref(), Some("2026-11-24 00:30:00"));
        assert_eq!(show("2026-11-23T22:30:00.5-05:00").as_deref(), Some("2026-11-24 05:30:00"));
        assert_eq!(show("2026-11-23T22:30:00").as_deref(), Some("2026-11-23 22:30:00"));
        assert_eq!(show("9999-12-31T23:59:59-23:59"), None);
    }
}
