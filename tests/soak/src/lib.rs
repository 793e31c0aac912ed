//! Proves that nothing gets through the relay's shell: each trial attacks a real relay, by the
//! million at full size, and says what must not have happened and did not.
//!
//! | trial | what it does | promise of `docs/operating.md` |
//! |---|---|---|
//! | [`mutated`] | damaged, spliced and wrongly signed events | every one is answered, none is taken that nobody signed |
//! | [`malformed`] | TCP streams that are no ZMTP, or broken ZMTP | no crash, no memory kept, good events are prompt |
//! | [`replayed`] | events that were taken, in other spellings, over restarts | nothing is journaled or published twice |
//! | [`clock`] | the relay's clock jumps while it works | the same, and no hole in seq |
//! | [`poisoned`] | attempts to block somebody's event through dedupe | a rejected event leaves no trace |
//! | [`abusive`] | one connection floods | a good signer beside it is served promptly |
//! | [`attacks`] | many peers do what no honest one does, at every endpoint | nobody waits, nothing is lost, nothing is left of them |
//! | [`idle`] | connections by the ten thousand | each costs little, nobody notices |
//!
//! `make soak` runs all of them whole; `tests/reduced.rs` runs each at a hundredth of its size.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

pub mod abusive;
pub mod attacks;
pub mod clock;
mod follower;
mod hostile;
pub mod idle;
mod listener;
pub mod malformed;
pub mod mutated;
mod outcome;
mod peer;
pub mod poisoned;
mod prober;
pub mod replayed;
mod respell;
mod scale;
mod steady;
mod submitter;
mod table;
mod trial;
mod vectors;

pub use crate::{
    outcome::{Outcome, Zero},
    scale::Scale,
    table::table,
};

/// A trial by its name.
pub type Trial = (&'static str, fn(&Scale) -> Outcome);

/// Every trial, in the order in which they run.
pub const TRIALS: &[Trial] = &[
    ("mutated", mutated::run),
    ("malformed", malformed::run),
    ("replayed", replayed::run),
    ("clock", clock::run),
    ("poisoned", poisoned::run),
    ("abusive", abusive::run),
    ("attacks", attacks::run),
    ("idle", idle::run),
];
