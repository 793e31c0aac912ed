//! `quiet_hours`: when a room is left alone.

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone,
};
use serde::Deserialize;

/// The hours between two times of the day.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct QuietHours {
    from: Time,
    to: Time,
    zone: TimeZone,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: String,
    to: String,
    #[serde(default)]
    time_zone: Option<String>,
}

impl TryFrom<Written> for QuietHours {
    type Error = String;

    fn try_from(Written { from, to, time_zone }: Written) -> Result<Self, String> {
        let time = |text: &str| {
            Time::strptime("%H:%M", text)
                .map_err(|_| format!("{text:?} is no time of the day such as \"22:00\""))
        };
        let zone = match time_zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(&name)
                .map_err(|_| format!("{name:?} is no time zone such as \"Europe/Berlin\""))?,
        };
        let (from, to) = (time(&from)?, time(&to)?);
        if from == to {
            return Err("quiet hours begin and end at different times".to_owned());
        }
        Ok(Self { from, to, zone })
    }
}

impl QuietHours {
    /// When the quiet hours that it is in now end.
    pub fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let local = self.zone.to_datetime(now);
        let is_quiet = if self.from < self.to {
            (self.from..self.to).contains(&local.time())
        } else {
            local.time() >= self.from || local.time() < self.to
        };
        is_quiet.then(|| self.next_end(local, now))
    }

    fn next_end(&self, local: DateTime, now: Timestamp) -> Timestamp {
        let today = local.date();
        let day = if local.time() < self.to { today } else { today.tomorrow().unwrap_or(today) };
        let end = self.zone.to_timestamp(day.to_datetime(self.to));
        end.unwrap_or(now).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str, zone: &str) -> QuietHours {
        let time_zone = Some(zone.to_owned());
        Written { from: from.to_owned(), to: to.to_owned(), time_zone }.try_into().unwrap()
    }

    fn end(hours: &QuietHours, now: &str) -> Option<String> {
        hours.end(now.parse().unwrap()).map(|end| end.to_string())
    }

    #[test]
    fn a_night_is_quiet_on_both_sides_of_midnight() {
        let night = hours("22:00", "07:00", "UTC");
        assert_eq!(end(&night, "2026-11-25T21:59:59Z"), None);
        assert_eq!(end(&night, "2026-11-25T22:00:00Z").as_deref(), Some("2026-11-26T07:00:00Z"));
        assert_eq!(end(&night, "2026-11-26T06:59:59Z").as_deref(), Some("2026-11-26T07:00:00Z"));
        assert_eq!(end(&night, "2026-11-26T07:00:00Z"), None);
    }

    #[test]
    fn a_zone_decides_when_it_is_night() {
        let noon = hours("12:00", "14:00", "Europe/Berlin");
        assert_eq!(end(&noon, "2026-07-01T10:30:00Z").as_deref(), Some("2026-07-01T12:00:00Z"));
        assert_eq!(end(&noon, "2026-12-01T10:30:00Z"), None);
    }

    #[test]
    fn what_is_no_time_or_zone_is_refused() {
        for (from, to, zone) in [
            ("22", "07:00", None),
            ("25:00", "1:00", None),
            ("1:00", "1:00", None),
            ("1:00", "2:00", Some("Mars")),
        ] {
            let time_zone = zone.map(str::to_owned);
            let written = Written { from: from.to_owned(), to: to.to_owned(), time_zone };
            assert!(QuietHours::try_from(written).is_err(), "{from} {to}");
        }
    }
}
