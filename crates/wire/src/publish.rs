//! Publish: how events leave the relay.

mod allowance;
mod fan_out;
mod server;
mod topics;

pub use server::{Publication, PublishServer};
