//! Watches APT archives and emits what changed as signed events.
//!
//! One change passes through these modules in this order:
//!
//! ```text
//! watch -> visit -> look (apt: fetch, verify, read) -> record (suite, diff, announce, store) -> drain -> relay
//! ```
//!
//! Everything up to `record` can be repeated at will. `record` keeps the new state of a suite and
//! the signed events that tell of it in one transaction; from there on each event is sent until
//! the relay has it.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")
)]

pub mod announce;
pub mod apt;
pub mod config;
pub mod diff;
pub mod discover;
pub mod drain;
pub mod look;
pub mod record;
pub mod run;
pub mod stop;
pub mod store;
pub mod suite;
pub mod visit;
pub mod watch;
