//! The calls for which the libraries have no safe way. All `unsafe` of the stream is in here.

#![expect(unsafe_code, reason = "libzmq options and socket facts that no library offers safely")]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    os::fd::RawFd,
};

/// An option of libzmq that the `zmq` crate does not know. The numbers are those of zmq.h.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SocketOption {
    /// With 1 a send fails while any subscriber's queue is full; with 0 that subscriber loses the
    /// message.
    XpubNodrop = 69,
    /// Every subscription and its end is handed over, not only the first and the last of a prefix.
    XpubVerboser = 78,
    /// Milliseconds after which a connection ends whose data nobody acknowledges.
    TcpMaxRetransmission = 80,
    /// Without an answer from the ZAP handler nobody gets in.
    ZapEnforceDomain = 93,
}

/// Sets an option.
///
/// # Errors
///
/// `EINVAL` where this libzmq does not have the option.
pub(crate) fn set_option(
    socket: &mut zmq::Socket,
    option: SocketOption,
    value: impl Into<c_int>,
) -> Result<(), zmq::Error> {
    let value: c_int = value.into();
    // SAFETY: the socket is open for as long as `socket` lives, nobody else uses it meanwhile
    // because it is borrowed mutably, and ZeroMQ copies the value before it returns.
    let outcome = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            option as c_int,
            std::ptr::from_ref(&value).cast::<c_void>(),
            size_of_val(&value),
        )
    };
    if outcome == 0 { Ok(()) } else { Err(zmq::Error::EINVAL) }
}

/// Ends the monitoring of a socket. Without it a socket that closes could wait for ever for
/// somebody to read its last reports.
pub(crate) fn stop_monitor(socket: &mut zmq::Socket) {
    // SAFETY: as above; no endpoint means the end, and then the events do not matter.
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

/// The bytes that have come over a TCP connection, those included that nobody has read yet.
pub(crate) fn bytes_received(descriptor: RawFd) -> Option<u64> {
    // SAFETY: it is plain numbers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let length = socket_fact(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info)?;
    // Kernels before 4.1 know less.
    let needed = std::mem::offset_of!(libc::tcp_info, tcpi_bytes_received) + size_of::<u64>();
    (length >= needed).then_some(info.tcpi_bytes_received)
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

unsafe extern "C" {
    /// Of zmq.h; the binding knows it and keeps it to itself.
    fn zmq_curve_public(public: *mut c_char, secret: *const c_char) -> c_int;
}

/// The public CURVE key of a secret one, both in Z85.
pub(crate) fn curve_public(secret: &str) -> Option<String> {
    /// 40 characters and the zero behind them.
    const LENGTH: usize = 41;
    let secret = CString::new(secret).ok().filter(|secret| secret.count_bytes() == LENGTH - 1)?;
    let mut public = [0_u8; LENGTH];
    // SAFETY: libzmq reads 40 characters and a zero, and writes as many; both are that long.
    let outcome = unsafe { zmq_curve_public(public.as_mut_ptr().cast(), secret.as_ptr()) };
    let public = CStr::from_bytes_until_nul(&public).ok()?;
    if outcome == 0 { public.to_str().ok().map(str::to_owned) } else { None }
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
    fn a_connection_is_known_counted_and_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut there, _) = listener.accept().unwrap();
        assert_eq!(bytes_received(there.as_raw_fd()), Some(0));
        here.write_all(&[7; 1_000]).unwrap();
        there.read_exact(&mut [0; 10]).unwrap();
        assert_eq!(bytes_received(there.as_raw_fd()), Some(1_000));
        assert!(cookie(there.as_raw_fd()).is_some());
        assert_ne!(cookie(there.as_raw_fd()), cookie(here.as_raw_fd()));
        cut(there.as_raw_fd());
        assert_eq!(here.read(&mut [0; 10]).unwrap_or(0), 0);
    }

    #[test]
    fn what_is_no_connection_has_no_facts() {
        let file = tempfile::tempfile().unwrap();
        for descriptor in [-1, file.as_raw_fd(), 1 << 20] {
            assert_eq!((cookie(descriptor), bytes_received(descriptor)), (None, None));
            cut(descriptor);
        }
    }
}
