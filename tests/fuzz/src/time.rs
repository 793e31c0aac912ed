//! The time in an event.

use jiff::{SignedDuration, Timestamp};
use laniakea_event::{EventTime, write_utc};

/// Another parser agrees wherever it can hold the time.
pub fn time(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Some(time) = EventTime::parse(text) else {
        return;
    };
    let since_epoch = time.since_epoch();
    // Four digits of a year, a day more for offsets.
    let bound = SignedDuration::from_hours(24 * 366 * 10_000);
    assert!(since_epoch.abs() < bound, "{text}: {since_epoch}");
    let with_offset = if time.has_offset() { text.to_owned() } else { format!("{text}Z") };
    if let Ok(theirs) = with_offset.parse::<Timestamp>() {
        assert_eq!(since_epoch, theirs.as_duration(), "{text}");
    }
    if let Ok(timestamp) = Timestamp::from_duration(since_epoch) {
        let written = write_utc(timestamp).to_string();
        if let Some(again) = EventTime::parse(&written) {
            let lost = since_epoch - again.since_epoch();
            assert!(lost.abs() < SignedDuration::from_micros(1), "{text} {written}");
            assert!(again.has_offset());
        } else {
            // A year before 0 or after 9999 by its offset.
            assert!(!(0..=9999).contains(&timestamp.in_tz("UTC").expect("UTC").year()), "{text}");
        }
    }
}
