//! Events over ZeroMQ.
//!
//! | section of `docs/protocol.md` | the relay's side | the other side |
//! |---|---|---|
//! | 2 Submit | [`submit::SubmitServer`] | [`submit::Publisher`] |
//! | 3 Publish | [`publish::PublishServer`] | [`subscription::Subscription`] |
//! | 4 Replay | [`replay::ReplayServer`] | [`replay::ReplayClient`], [`subscription::Subscription`] |
//!
//! No ZeroMQ type leaves this crate. One thread owns the sockets of each server and client; an
//! eventfd wakes it, since a socket cannot be waited for beside a channel.

mod client;
pub mod config;
pub mod curve;
mod error;
mod listen;
pub mod publish;
mod random;
pub mod replay;
mod router;
mod server;
mod socket;
pub mod submit;
pub mod subscription;
mod sys;
mod wake;

pub use crate::{
    client::InvalidEndpoint,
    error::WireError,
    listen::{ConnectionLimits, Listen},
    server::ConnectionCounters,
    socket::{Context, Endpoint, HandshakeFailure},
};
