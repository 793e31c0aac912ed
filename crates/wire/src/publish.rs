//! Publish: how events leave the relay.

mod patience;
mod server;

pub use server::{Publication, PublishServer};
