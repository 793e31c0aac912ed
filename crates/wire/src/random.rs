//! The kernel's random bytes, for the handshakes of encrypted connections.

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills all of it. Once the system is up the kernel always has some; a signal may interrupt it.
pub(crate) fn fill(mut bytes: &mut [u8]) {
    while !bytes.is_empty() {
        if let Ok(count) = getrandom(&mut *bytes, GetRandomFlags::empty()) {
            bytes = &mut bytes[count..];
        }
    }
}
