//! Freshness: an event is taken only near its own time, so that an old one that dedupe has not
//! seen cannot come back.

use jiff::{SignedDuration, Timestamp};
use laniakea_event::{EventTime, Reason, Rejection};
use uuid::{Uuid, Variant};

use crate::config::LimitsConfig;

/// Every time zone fits into this.
const ANY_ZONE: SignedDuration = SignedDuration::from_hours(15);

/// Refuses events that are too old or too new.
///
/// Where there is a version-1 `uuid` its time counts, since a `time` without offset may be any
/// zone's; the two may differ by no more than zones do.
pub(crate) fn check(
    time: EventTime,
    uuid: Option<Uuid>,
    now: Timestamp,
    limits: &LimitsConfig,
) -> Result<(), Rejection> {
    let uuid_time = uuid.and_then(time_in_uuid);
    if let Some(uuid_time) = uuid_time {
        let apart = time.since_epoch() - uuid_time;
        if apart < -ANY_ZONE {
            return Err(stale("its time is more than 15 hours before the time in its uuid"));
        }
        if apart > ANY_ZONE {
            return Err(from_the_future(
                "its time is more than 15 hours after the time in its uuid",
            ));
        }
    }
    let slack =
        if uuid_time.is_some() || time.has_offset() { SignedDuration::ZERO } else { ANY_ZONE };
    let age = now.as_duration() - uuid_time.unwrap_or(time.since_epoch());
    if let Some(max_age) = limit(limits.max_age)
        && age > max_age + slack
    {
        return Err(stale(&format!("it is older than {}", limits.max_age)));
    }
    if let Some(max_future) = limit(limits.max_future)
        && -age > max_future + slack
    {
        return Err(from_the_future(&format!("it is dated more than {} ahead", limits.max_future)));
    }
    Ok(())
}

fn limit(age: laniakea_daemon::Age) -> Option<SignedDuration> {
    age.limit().and_then(|limit| SignedDuration::try_from(limit).ok())
}

/// The UTC time inside a version-1 uuid, as a distance from 1970.
fn time_in_uuid(uuid: Uuid) -> Option<SignedDuration> {
    /// From the start of the Gregorian calendar, in units of 100 nanoseconds.
    const EPOCH: i64 = 0x01b2_1dd2_1381_4000;
    if uuid.get_version_num() != 1 || uuid.get_variant() != Variant::RFC4122 {
        return None;
    }
    let (low, middle, high, _) = uuid.as_fields();
    let ticks = u64::from(high & 0x0fff) << 48 | u64::from(middle) << 32 | u64::from(low);
    let ticks = i64::try_from(ticks).ok()? - EPOCH;
    let nanoseconds = i32::try_from(ticks.rem_euclid(10_000_000) * 100).ok()?;
    Some(SignedDuration::new(ticks.div_euclid(10_000_000), nanoseconds))
}

fn stale(detail: &str) -> Rejection {
    Rejection::new(Reason::Stale, detail)
}

fn from_the_future(detail: &str) -> Rejection {
    Rejection::new(Reason::FromTheFuture, detail)
}

#[cfg(test)]
mod tests;
