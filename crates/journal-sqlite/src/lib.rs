//! The journal in one SQLite file.
//!
//! [`SqliteJournal::open`] makes or opens it; everything else is [`laniakea_journal::Journal`].
//! An append goes through `writer` (turns, failures, checkpoints), `group` (one transaction),
//! `dedupe`, `prefixes` and `block` (its tables); a read through `readers` (connections) and
//! `page`, `find` or `position`. The tables are described in `schema/1.sql`.
//! [`JournalReader`] reads beside a relay that writes, checks the whole file and copies it (`backup`).
//!
//! Beside the journal `x` stand SQLite's `x-wal` and `x-shm`, which belong to it, and `x.lock`,
//! which keeps a second relay out.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")
)]

mod backup;
mod block;
mod check;
mod dedupe;
mod error;
mod find;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod journal;
mod lock;
mod log;
mod open;
mod page;
mod position;
mod prefixes;
mod prune;
mod reader;
mod readers;
mod row;
mod schema;
mod writer;

pub use crate::{
    backup::BackupError,
    error::{Damage, OpenError},
    journal::SqliteJournal,
    reader::JournalReader,
};
