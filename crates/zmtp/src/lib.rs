//! ZMTP 3.1, the protocol of ZeroMQ, as values: no sockets, no threads, no clock.
//!
//! A [`Connection`] is one end of a connection. Bytes that came from the peer go in and
//! [`Event`]s come out ([`Connection::read`]), as many at a time as the caller wants. What is to be
//! written comes from [`encode`], once for all connections that are not encrypted, from
//! [`Connection::seal`] for each that is, and from [`Connection::take_output`] while there is
//! something to be said that nobody asked for: the handshake, and answers to PINGs.
//!
//! Whatever a peer sends, a connection holds no more than its [`Limits`] say, and ends at worst with
//! an error that says in one line what was wrong.
//!
//! ```
//! use laniakea_zmtp::{Connection, Event, Limits, Role, Security, Setup, encode};
//!
//! let limits = Limits::of_messages(1 << 20, 4);
//! let random = &mut |_: &mut [u8]| unreachable!("nothing is encrypted here");
//! let server = Setup { role: Role::Router, security: Security::NullServer, limits };
//! let client = Setup { role: Role::Dealer, security: Security::NullClient, limits };
//! let mut server = Connection::new(&server, random);
//! let mut client = Connection::new(&client, random);
//!
//! // What a socket would carry: both greetings, READY, READY.
//! while client.has_output() || server.has_output() {
//!     let (from_client, from_server) = (client.take_output(), server.take_output());
//!     server.read(&mut &from_client[..])?;
//!     client.read(&mut &from_server[..])?;
//! }
//! assert_eq!(server.peer().map(|peer| peer.role), Some(Role::Dealer));
//!
//! let mut out = Vec::new();
//! encode(&["event", "request-id"], &mut out);
//! let Some(Event::Message(message)) = server.read(&mut &out[..])? else {
//!     panic!("no message");
//! };
//! assert_eq!(message.frames().collect::<Vec<_>>(), [&b"event"[..], b"request-id"]);
//! # Ok::<(), laniakea_zmtp::ConnectionError>(())
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `greeting` | the first 64 bytes, and what else may come to a port |
//! | `frame`, `message`, `command` | the pieces that follow, and what is made of them |
//! | `handshake`, `null`, `curve`, `metadata`, `role` | who the peer is, and whether it is let in |
//! | `channel` | how frames go afterwards: in the clear, or sealed |
//! | `connection` | all of it in its order |

mod channel;
mod command;
mod connection;
pub mod curve;
mod frame;
mod greeting;
mod handshake;
mod limits;
mod message;
mod metadata;
mod null;
mod role;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub use crate::connection::fuzzing;
pub use crate::{
    command::CommandError,
    connection::{Connection, ConnectionError, Event, NotReady, Peer, Security, Setup},
    frame::FrameError,
    greeting::{Dialect, GreetingError, Mechanism, Version},
    handshake::HandshakeError,
    limits::{LimitError, Limits},
    message::{Message, encode},
    metadata::MetadataError,
    role::Role,
};
