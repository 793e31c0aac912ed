//! The journal: where a relay writes an event before anybody hears of it.
//!
//! In the relay's pipeline, [`Entry`] comes from verification, authorisation and countersigning;
//! [`Journal::append`] makes it a [`JournaledEvent`], and only that can be published. Replay reads
//! [`Page`]s of what was published.
//!
//! [`Journal`] is the contract, [`MemoryJournal`] the implementation for tests and trials. The
//! feature `conformance` adds the suite that every implementation runs.

mod budget;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod entry;
mod error;
mod journal;
mod journaled;
mod memory;
mod read;
mod selection;

pub use crate::{
    budget::{Budget, Spending},
    entry::{Appended, Entry},
    error::JournalError,
    journal::Journal,
    journaled::{JournaledEvent, Position},
    memory::MemoryJournal,
    read::{Bounds, Page, Query, StoredEvent},
    selection::Selection,
};
