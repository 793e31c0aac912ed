//! The event format of the stream: what an event is, its canonical form, its signatures and keys.
//!
//! An event passes through these types in this order, and the compiler keeps it so:
//!
//! ```text
//! bytes --SubmittedEvent::parse--> SubmittedEvent --verify--> VerifiedEvent --countersign--> (journal)
//! bytes --SubmittedEvent::parse--> SubmittedEvent --verify_received--> VerifiedEvent (consumers)
//! bytes --SubmittedEvent::parse--> SubmittedEvent --verify_from_upstream--> VerifiedEvent (relays)
//! Draft --sign--> SignedEvent (bytes)
//! ```
//!
//! Nothing here reads a clock, a socket or a random source; files are read for keys only. The
//! format itself is described in `docs/protocol.md`.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")
)]

mod base64;
mod digest;
mod draft;
mod event_id;
pub mod json;
pub mod keys;
mod limits;
mod prefix;
mod rejection;
mod relay_note;
mod signatures;
mod signed_bytes;
mod submitted;
mod time;
mod trust;
mod upstream;
mod verified;

pub use crate::{
    base64::{decode_base64, encode_base64},
    digest::{Digest, InvalidDigest},
    draft::{Dialect, Draft, DraftError, InvalidDialect, SignedEvent},
    event_id::{EventId, InvalidEventId},
    json::{Number, Object, Value},
    keys::{KeyId, Keyring, SignerId, SigningKey, VerifyingKey},
    limits::Limits,
    prefix::{InvalidPrefix, Prefix},
    rejection::{Reason, Rejection},
    relay_note::{RelayNote, Seq},
    signatures::{EventSignature, Signatures},
    submitted::SubmittedEvent,
    time::{EventTime, InvalidMoment, parse_moment, write_utc},
    trust::{EmitRule, InvalidEmitRule, Trust},
    upstream::Upstream,
    verified::VerifiedEvent,
};
