//! Keeper over the real relay: what is missed, what crashes mean, and bursts.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "keeper_time/absences.rs"]
mod absences;
#[path = "keeper_time/bursts.rs"]
mod bursts;
#[path = "keeper_time/crashes.rs"]
mod crashes;
#[path = "keeper_time/place.rs"]
mod place;
