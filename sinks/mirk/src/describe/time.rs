//! Times for people.

use laniakea_event::EventTime;

use super::visible;

/// A time as a source wrote it, to the minute and in UTC; one without an offset stays in the zone
/// that it is in, and says so by having none.
pub fn short_time(text: &str) -> String {
    let Some(time) = EventTime::parse(text) else { return visible(text, 20) };
    let moment = jiff::Timestamp::UNIX_EPOCH.saturating_add(time.since_epoch());
    let moment = moment.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let zone = if time.has_offset() { "Z" } else { "" };
    format!("{}{zone}", moment.strftime("%Y-%m-%d %H:%M"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_minute() {
        assert_eq!(short_time("2026-11-25T10:02:03.5+01:00"), "2026-11-25 09:02Z");
        assert_eq!(short_time("2026-11-25T10:02:03"), "2026-11-25 10:02");
        assert_eq!(short_time("<b>\u{1b}"), r"<b>\u{1b}");
    }
}
