//! The relay: the one place that every event passes through.
//!
//! ```text
//! source/submissions.rs -> check.rs -> record.rs -> sink/publication.rs, sink/replay.rs
//! ```
//!
//! `check` and `record` are two threads, so that one group of events is verified while the one
//! before it goes to disk; the order of `docs/protocol.md`, section 2, is kept inside and between
//! them.

mod app;
mod check;
mod cli;
mod config;
mod counters;
mod init;
mod maintenance;
mod policy;
mod record;
mod sink;
mod source;

use std::process::ExitCode;

use clap::Parser;

/// Events are made on one thread and freed on another, which the system's allocator does slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
