//! What the fuzz targets look at: for each parser of foreign bytes a function that panics where a
//! promise is broken.
//!
//! `make fuzz` runs them under libFuzzer, one binary each (`fuzz_targets`). `make test` runs them
//! for some seconds on damaged seeds, without instrumentation (`tests/smoke.rs`). The parsers of
//! `sinks/mirk`, which is a workspace of its own, have property tests there.

mod archive;
mod event;
mod filter;
mod follower;
mod honest;
mod input;
mod journal;
mod liar;
mod names;
mod number;
mod relay_note;
mod shown;
mod signatures;
mod time;
mod watched;
mod wire;
mod world;
mod zmtp;

pub use crate::{
    archive::{
        apt_settings, gpgv_status, index, keyring, release, signed_release, sources_list, unpack,
        version,
    },
    event::{base64, event, key_file},
    filter::{expression, filtered_event, glob, rule},
    follower::{follower, follower_link},
    journal::{stored_block, stored_row},
    liar::{Session, follower_liar, session},
    names::{event_id, position},
    number::number,
    relay_note::relay_note,
    shown::{event_line, member, summary},
    signatures::signatures,
    time::time,
    wire::{curve_key, header, reply, request, submission},
    zmtp::{zmtp_curve_client, zmtp_curve_server, zmtp_null_client, zmtp_null_server},
};

/// A target, and its name in `fuzz_targets`, `seeds`, `corpus` and `artifacts`.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 39] = [
    ("apt_settings", apt_settings),
    ("base64", base64),
    ("curve_key", curve_key),
    ("event", event),
    ("event_id", event_id),
    ("event_line", event_line),
    ("expression", expression),
    ("filtered_event", filtered_event),
    ("follower", follower),
    ("follower_liar", follower_liar),
    ("follower_link", follower_link),
    ("glob", glob),
    ("gpgv_status", gpgv_status),
    ("header", header),
    ("index", index),
    ("key_file", key_file),
    ("keyring", keyring),
    ("member", member),
    ("number", number),
    ("position", position),
    ("relay_note", relay_note),
    ("release", release),
    ("reply", reply),
    ("request", request),
    ("rule", rule),
    ("signatures", signatures),
    ("signed_release", signed_release),
    ("sources_list", sources_list),
    ("stored_block", stored_block),
    ("stored_row", stored_row),
    ("submission", submission),
    ("summary", summary),
    ("time", time),
    ("unpack", unpack),
    ("version", version),
    ("zmtp_curve_client", zmtp_curve_client),
    ("zmtp_curve_server", zmtp_curve_server),
    ("zmtp_null_client", zmtp_null_client),
    ("zmtp_null_server", zmtp_null_server),
];
