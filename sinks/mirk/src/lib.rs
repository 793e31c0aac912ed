//! Mirk, the Matrix bot: posts what happens on the stream to the rooms that it is in.
//!
//! One event passes through these modules in this order:
//!
//! ```text
//! source: follow, judge -> describe, route -> store: take -> compose -> store: compose -> sink: worker -> matrix
//! ```
//!
//! What was taken is in the database with the position in the stream; what was composed is there in
//! its final form, with a transaction id, before the homeserver sees it. So there is no moment at
//! which a crash of the bot, the relay or the homeserver loses or doubles a message. What people say
//! to the bot comes in by `matrix: sync` and is answered by `chat`.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")
)]

pub mod app;
pub mod chat;
pub mod compose;
pub mod config;
pub mod control;
pub mod describe;
pub mod import;
pub mod intake;
pub mod matrix;
pub mod preview;
pub mod route;
pub mod settings;
pub mod sink;
pub mod source;
pub mod store;
pub mod stream_status;
