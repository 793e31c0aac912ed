//! Events over ZeroMQ.
//!
//! | section of `docs/protocol.md` | the relay's side | the other side |
//! |---|---|---|
//! | 2 Submit | [`submit::SubmitServer`] | [`submit::Publisher`] |
//! | 3 Publish | [`publish::PublishServer`] | [`subscription::Subscription`] |
//! | 4 Replay | [`replay::ReplayServer`] | [`replay::ReplayClient`], [`subscription::Subscription`] |
//!
//! `laniakea_zmtp` is the protocol, `server` and `client` drive it. Each server has one thread, and each
//! client; an eventfd wakes a client's.

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
pub mod submit;
pub mod subscription;
mod sys;
mod wake;

pub use crate::{
    client::{HandshakeFailure, InvalidEndpoint},
    error::WireError,
    listen::{ConnectionLimits, Endpoint, Listen},
    server::ConnectionCounters,
};
