//! Keeper: runs actions on events.
//!
//! ```text
//! source/follow.rs -> match_rules.rs -> ledger/take.rs -> schedule.rs -> ledger/start.rs -> action/exec.rs -> ledger/finish.rs
//! ```
//!
//! One task does the stages in this order (`keep.rs`); actions run beside it. What must survive a
//! crash is in the ledger before the next stage sees it.

pub mod action;
pub mod app;
pub mod batch;
pub mod config;
pub mod cron;
mod failpoint;
pub mod keep;
pub mod ledger;
pub mod lock;
pub mod match_rules;
pub mod rules;
pub mod schedule;
pub mod simulate;
pub mod source;
pub mod watch;
