//! Publish: how events leave the relay.

mod server;

pub use server::{Publication, PublishServer};
