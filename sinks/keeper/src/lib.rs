//! Keeper: runs actions on events.
//!
//! ```text
//! source/updates.rs -> match_rules.rs -> ledger/take.rs -> schedule.rs -> ledger/start.rs -> action/exec.rs -> ledger/finish.rs
//!                     watch.rs (what waits for others)
//!                     note.rs -> herald.rs -> ledger/outbox.rs -> submit.rs
//! ```
//!
//! One task does the stages in this order (`keep.rs`); actions run beside it. What must survive a
//! crash is in the ledger before the next stage sees it.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")
)]

pub mod action;
pub mod app;
pub mod batch;
mod bounded;
pub mod chain;
pub mod config;
pub mod cron;
mod failpoint;
pub mod herald;
pub mod keep;
pub mod ledger;
pub mod match_rules;
pub mod note;
pub mod rules;
pub mod schedule;
pub mod scheduler;
pub mod simulate;
pub mod source;
pub mod submit;
pub mod supervise;
pub mod watch;
