//! Our ends against those of libzmq, over TCP, in the clear and encrypted.

#![expect(clippy::disallowed_methods, reason = "a test opens files of its own")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod curve;
mod link;
mod servers;
mod sockets;
