use laniakea_daemon::Age;

use super::*;

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn verdict(time: &str, uuid: Option<Uuid>, limits: &LimitsConfig) -> &'static str {
    let time = EventTime::parse(time).unwrap();
    match check(time, uuid, now(), limits) {
        Ok(()) => "fresh",
        Err(rejection) => rejection.reason().as_str(),
    }
}

fn by_time(time: &str) -> &'static str {
    verdict(time, None, &LimitsConfig::default())
}

/// A version-1 uuid of that time.
fn uuid_at(time: &str) -> Uuid {
    let time: Timestamp = time.parse().unwrap();
    let seconds = u64::try_from(time.as_second()).unwrap();
    let timestamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0);
    Uuid::new_v1(timestamp, &[2, 0, 0, 0, 0, 1])
}

#[test]
fn a_time_with_an_offset_has_the_plain_window() {
    assert_eq!(by_time("2026-03-01T12:00:00Z"), "fresh");
    assert_eq!(by_time("2026-02-22T12:00:00Z"), "fresh");
    assert_eq!(by_time("2026-02-22T11:59:59Z"), "stale");
    assert_eq!(by_time("2026-03-01T12:10:00Z"), "fresh");
    assert_eq!(by_time("2026-03-01T12:10:01Z"), "from_the_future");
    assert_eq!(by_time("2026-03-01T23:00:00+11:00"), "fresh");
    assert_eq!(by_time("9999-12-31T23:59:59-23:59"), "from_the_future");
    assert_eq!(by_time("0000-01-01T00:00:00Z"), "stale");
}

#[test]
fn a_time_without_an_offset_and_uuid_may_be_of_any_zone() {
    assert_eq!(by_time("2026-02-21T21:00:01"), "fresh");
    assert_eq!(by_time("2026-02-21T20:59:59"), "stale");
    assert_eq!(by_time("2026-03-02T03:09:59"), "fresh");
    assert_eq!(by_time("2026-03-02T03:10:01"), "from_the_future");
}

#[test]
fn the_time_in_a_version_1_uuid_is_what_counts() {
    let limits = LimitsConfig::default();
    let fresh = Some(uuid_at("2026-03-01T11:00:00Z"));
    assert_eq!(verdict("2026-03-01T20:00:00", fresh, &limits), "fresh");
    assert_eq!(verdict("2026-02-28T20:00:00", fresh, &limits), "fresh");
    assert_eq!(verdict("2026-02-28T19:59:59", fresh, &limits), "stale");
    assert_eq!(verdict("2026-03-02T02:00:01", fresh, &limits), "from_the_future");
    let old = Some(uuid_at("2026-02-22T11:59:59Z"));
    assert_eq!(verdict("2026-02-22T13:00:00", old, &limits), "stale");
    let new = Some(uuid_at("2026-03-01T12:10:01Z"));
    assert_eq!(verdict("2026-03-01T12:00:00", new, &limits), "from_the_future");
}

#[test]
fn a_uuid_of_another_version_tells_no_time() {
    let limits = LimitsConfig::default();
    let random = Some(Uuid::from_u128(0x2c57_e3e8_1566_41f1_8001_0200_0000_0001));
    assert_eq!(verdict("2026-03-01T20:00:00", random, &limits), "fresh");
    let other_variant = Some(Uuid::from_u128(0x2c57_e3e8_1566_11f1_0001_0200_0000_0001));
    assert_eq!(verdict("2026-03-01T20:00:00", other_variant, &limits), "fresh");
    assert_eq!(verdict("2026-01-01T20:00:00", random, &limits), "stale");
}

#[test]
fn without_a_limit_of_age_time_and_uuid_must_still_agree() {
    let limits = LimitsConfig { max_age: Age::Unlimited, ..LimitsConfig::default() };
    assert_eq!(verdict("1999-01-01T00:00:00Z", None, &limits), "fresh");
    let uuid = Some(uuid_at("2026-03-01T12:00:00Z"));
    assert_eq!(verdict("1999-01-01T00:00:00", uuid, &limits), "stale");
    assert_eq!(verdict("9999-01-01T00:00:00", uuid, &limits), "from_the_future");
}
