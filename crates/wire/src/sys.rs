//! What the kernel knows of a TCP connection, for which no library has a safe way: all `unsafe` of
//! the stream is in here.

#![expect(unsafe_code, reason = "TCP_INFO, which no library offers safely")]

use std::{
    ffi::{c_int, c_void},
    os::fd::RawFd,
};

/// What the kernel knows of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpFacts {
    /// The bytes that have come, those included that nobody has read yet.
    pub(crate) bytes_received: u64,
    /// Packets that the peer has not acknowledged.
    unacknowledged: u32,
    /// How often the oldest of them was sent again.
    repetitions: u8,
}

impl TcpFacts {
    /// Whether there is anything that the peer has not acknowledged.
    pub(crate) fn is_awaited(self) -> bool {
        self.unacknowledged > 0
    }

    /// Whether the peer's host does not answer any more: keepalive is silent while packets are not
    /// acknowledged, and the kernel alone repeats them for a quarter of an hour. A peer that does
    /// not read closes its window, and its kernel acknowledges all that it was sent.
    pub(crate) fn has_vanished(self, repetitions: u8) -> bool {
        self.unacknowledged > 0 && self.repetitions >= repetitions
    }
}

/// What the kernel knows of a connection; nothing where it is no TCP connection.
pub(crate) fn tcp_facts(descriptor: RawFd) -> Option<TcpFacts> {
    // SAFETY: it is plain numbers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let length = socket_fact(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    // Kernels before 4.1 know less.
    let needed = std::mem::offset_of!(libc::tcp_info, tcpi_bytes_received) + size_of::<u64>();
    (length >= needed).then_some(TcpFacts {
        bytes_received: info.tcpi_bytes_received,
        unacknowledged: info.tcpi_unacked,
        repetitions: info.tcpi_retransmits,
    })
}

fn socket_fact<T: Copy>(
    descriptor: RawFd,
    level: c_int,
    name: c_int,
    fact: &mut T,
) -> Option<usize> {
    let mut length = libc::socklen_t::try_from(size_of::<T>()).ok()?;
    // SAFETY: the kernel writes at most `length` bytes to `fact`, which is that long; `T` is plain
    // numbers here, for which every pattern is a value. A wrong descriptor is refused.
    let outcome = unsafe {
        libc::getsockopt(
            descriptor,
            level,
            name,
            std::ptr::from_mut(fact).cast::<c_void>(),
            &raw mut length,
        )
    };
    if outcome == 0 { usize::try_from(length).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
        os::fd::AsRawFd as _,
    };

    use super::*;

    #[test]
    fn a_connection_whose_peer_acknowledges_has_not_vanished() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        here.write_all(&[7; 1_000]).unwrap();
        there.read_exact(&mut [0; 1_000]).unwrap();
        for stream in [&here, &there] {
            assert!(!tcp_facts(stream.as_raw_fd()).unwrap().has_vanished(1));
        }
    }

    #[test]
    fn what_is_no_connection_has_no_facts() {
        let file = tempfile::tempfile().unwrap();
        for descriptor in [-1, file.as_raw_fd(), 1 << 20] {
            assert_eq!(tcp_facts(descriptor), None);
        }
    }
}
