//! CURVE: encrypted connections whose ends prove their keys (RFC 25 and 26, as libzmq 4.3 has them).
//!
//! ```text
//! client                              server
//! HELLO     C', Box[zeros](C'->S)   ->
//!        <- WELCOME  Box[S', cookie](S->C')
//! INITIATE  cookie, Box[C, vouch, metadata](C'->S')   vouch = Box[C', S](C->S')
//! ->                                 the key C is judged here
//!        <- READY    Box[metadata](S'->C')
//! MESSAGE   Box[flags, body]        both ways, a box a frame
//! ```
//!
//! `C` and `S` are the keys of the two ends, `C'` and `S'` are made for this connection. Randomness
//! comes from outside, so that a test can say what it is.

mod boxes;
mod client;
mod cookie;
mod error;
mod keys;
mod layout;
mod nonce;
mod sealed;
mod server;

pub(crate) use client::CurveClient;
pub use error::CurveError;
pub use keys::{KeyPair, PublicKey, SecretKey};
pub(crate) use sealed::Sealed;
pub(crate) use server::CurveServer;

/// Fills memory with random bytes that nobody can foretell, such as those of the kernel.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;

/// As many random bytes as are wanted.
fn draw<const N: usize>(random: &mut Random<'_>) -> [u8; N] {
    let mut bytes = [0; N];
    random(&mut bytes);
    bytes
}
