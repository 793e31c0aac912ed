//! Events kept in a directory until something is done about them.
//!
//! | | who has it | what is in it | what empties it |
//! |---|---|---|---|
//! | [`Spool`] | a source | signed events that the relay has not acknowledged | [`send()`], [`SpoolingPublisher`] |
//! | [`Quarantine`] | a sink | events that it failed on, each with the error | a person: `lk quarantine` |
//!
//! Both are directories of numbered files (`directory`) that any number of processes use at once.
//! [`RetryPolicy`] says when a sink has failed on an event often enough.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")
)]

mod directory;
mod error;
mod name;
mod publisher;
mod quarantine;
mod record;
mod retry;
mod send;
mod spool;

pub use crate::{
    directory::Bounds,
    error::SpoolError,
    name::{Name, Pattern},
    publisher::{SpoolingConfig, SpoolingPublisher},
    quarantine::{Held, Quarantine},
    record::Reason,
    retry::{Failures, Next, RetryPolicy, Then},
    send::{SendError, Step, Submit, send},
    spool::{Contents, Damaged, Rejected, Spool, Turn, Waiting},
};
