//! The calls for which the libraries have no safe way. All `unsafe` of the stream is in here.

#![expect(unsafe_code, reason = "libzmq options and socket facts that no library offers safely")]

use std::{
    ffi::{c_int, c_void},
    os::fd::RawFd,
};

/// Ends the monitoring of a socket. Without it a socket that closes could wait for ever for
/// somebody to read its last reports.
pub(crate) fn stop_monitor(socket: &mut zmq::Socket) {
    // SAFETY: the socket is open for as long as `socket` lives, and nobody else uses it meanwhile
    // because it is borrowed mutably; no endpoint means the end, and then the events do not matter.
    let outcome = unsafe { zmq_sys::zmq_socket_monitor(socket.as_mut_ptr(), std::ptr::null(), 0) };
    if outcome != 0 {
        tracing::debug!("a socket's monitor could not be stopped");
    }
}

/// The number that the kernel gave this socket, and gives to no other.
///
/// The descriptor may be closed by now, or be another file: then there is no number, or another
/// one.
pub(crate) fn cookie(descriptor: RawFd) -> Option<u64> {
    let mut cookie = 0_u64;
    socket_fact(descriptor, libc::SOL_SOCKET, libc::SO_COOKIE, &mut cookie)
        .filter(|length| *length == size_of::<u64>())
        .map(|_| cookie)
}

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

/// Ends a connection that ZeroMQ owns; ZeroMQ notices and closes it.
///
/// The peer is told at once, by a reset. With an orderly end a peer that waits for room in our
/// receive buffer would wait on: nobody reads any more, so nobody tells it that there is room.
///
/// The caller has made sure with [`cookie`] that the descriptor is still the connection's.
pub(crate) fn cut(descriptor: RawFd) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = libc::socklen_t::try_from(size_of_val(&at_once)).unwrap_or_default();
    // SAFETY: the kernel reads `length` bytes of a value that is that long, and nothing else; a
    // descriptor that is closed or no socket is refused by the kernel.
    unsafe {
        libc::setsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const at_once).cast::<c_void>(),
            length,
        );
        libc::shutdown(descriptor, libc::SHUT_RDWR);
    }
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

    fn received(stream: &TcpStream) -> Option<u64> {
        let facts = tcp_facts(stream.as_raw_fd())?;
        assert!(!facts.has_vanished(1));
        Some(facts.bytes_received)
    }

    #[test]
    fn a_connection_is_known_counted_and_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        assert_eq!(received(&there), Some(0));
        here.write_all(&[7; 1_000]).unwrap();
        there.read_exact(&mut [0; 10]).unwrap();
        assert_eq!(received(&there), Some(1_000));
        assert!(cookie(there.as_raw_fd()).is_some());
        assert_ne!(cookie(there.as_raw_fd()), cookie(here.as_raw_fd()));
        cut(there.as_raw_fd());
        assert_eq!(here.read(&mut [0; 10]).unwrap_or(0), 0);
    }

    #[test]
    fn what_is_no_connection_has_no_facts() {
        let file = tempfile::tempfile().unwrap();
        for descriptor in [-1, file.as_raw_fd(), 1 << 20] {
            assert_eq!((cookie(descriptor), tcp_facts(descriptor)), (None, None));
            cut(descriptor);
        }
    }
}
