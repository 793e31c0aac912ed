//! Events over ZeroMQ.
//!
//! | section of `docs/protocol.md` | the relay's side | the other side |
//! |---|---|---|
//! | 2 Submit | [`submit::SubmitServer`] | [`submit::Publisher`] |
//! | 3 Publish | [`publish::PublishServer`] | [`subscription::Subscription`] |
//! | 4 Replay | [`replay::ReplayServer`] | [`replay::ReplayClient`], [`subscription::Subscription`] |
//!
//! No ZeroMQ type leaves this crate. Servers speak the protocol themselves (`server`), with one thread
//! each. Clients are libzmq's: one thread owns a client's socket, and an eventfd wakes it.

mod client;
pub mod config;
pub mod curve;
mod error;
mod listen;
pub mod publish;
pub mod replay;
mod router;
mod server;
mod socket;
pub mod submit;
pub mod subscription;
mod sys;
mod wake;

pub use crate::{
    error::WireError,
    listen::{ConnectionLimits, Listen},
    server::ConnectionCounters,
    socket::{Context, Endpoint, HandshakeFailure},
};
