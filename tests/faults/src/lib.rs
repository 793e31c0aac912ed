//! Proves that nothing is lost when what the stream runs on breaks: each trial breaks one thing under
//! real processes, and a checker says what was lost, doubled, out of order or altered.
//!
//! | trial | what breaks | promise of `docs/operating.md` |
//! |---|---|---|
//! | [`killed`] | relay, source and sinks are killed at random moments | nothing acknowledged is lost or doubled |
//! | [`failing_disk`] | a write or sync of the journal fails | the relay ends, acknowledges nothing of it, and starts again |
//! | [`full_disk`] | the disk is full for a while | submissions are refused, reading goes on, it recovers by itself |
//! | [`damaged`] | bits of the journal flip, its files are cut off | nothing altered is served, what is missing is told |
//! | [`stuck`] | subscribers stop reading | others do not notice, and they miss nothing later |
//! | [`cut`] | the network between them goes, hosts vanish | nothing is lost, and events flow soon after |
//!
//! Jumps of the clock are the trial `clock` of `tests/soak`. `make soak` runs all of this whole;
//! `tests/reduced.rs` runs each small.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

pub mod checker;
pub mod cut;
pub mod damaged;
pub mod failing_disk;
pub mod full_disk;
pub mod killed;
pub mod lines;
mod namespaces;
mod outcome;
mod reading;
mod scale;
mod strace;
mod stream;
pub mod stuck;
mod submitter;
mod table;

pub use crate::{outcome::Outcome, scale::Scale, table::table};

/// A trial by its name.
pub type Trial = (&'static str, fn(&Scale) -> Outcome);

/// Every trial, in the order in which they run.
pub const TRIALS: &[Trial] = &[
    ("killed", killed::run),
    ("failing_disk", failing_disk::run),
    ("full_disk", full_disk::run),
    ("damaged", damaged::run),
    ("stuck", stuck::run),
    ("cut", cut::run),
];
