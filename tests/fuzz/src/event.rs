//! An event, a key file, base64: the invariants that `crates/event/tests/mutations.rs` looks at too.

#[path = "../../../crates/event/tests/support/invariants.rs"]
mod invariants;

/// An event, from its bytes to what would be published of it.
pub fn event(bytes: &[u8]) {
    invariants::check_event(bytes);
}

/// A key file, public or secret.
pub fn key_file(bytes: &[u8]) {
    invariants::check_key_file(bytes);
}

/// Bytes to write as base64, and text to read as such.
pub fn base64(bytes: &[u8]) {
    invariants::check_base64(bytes);
}
