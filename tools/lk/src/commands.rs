//! One file a command: its arguments, and what it does.

pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod emit;
mod handler;
pub(crate) mod history;
pub(crate) mod key;
pub(crate) mod listen;
mod named;
pub(crate) mod on;
pub(crate) mod quarantine;
pub(crate) mod sign;
pub(crate) mod spool;
pub(crate) mod status;
pub(crate) mod types;
pub(crate) mod verify;

use std::io::{self, Read as _};

use anyhow::Context as _;
use laniakea_event::Limits;
use tokio::runtime::{Builder, Runtime};

/// A runtime for commands that wait.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("could not start the runtime")
}

/// The event on stdin; of one that is too long as much as shows that it is.
fn read_event() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = Limits::FROM_RELAY.max_bytes as u64 + 1;
    io::stdin()
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .context("could not read the event from stdin")?;
    Ok(bytes)
}
