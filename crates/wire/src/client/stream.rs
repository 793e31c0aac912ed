//! The socket of a connection, TCP or Unix. Nothing here waits.

use std::{
    io,
    net::TcpStream,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
    sockopt,
};

use crate::sys::{TcpFacts, tcp_facts};

/// When a silent connection ends: the kernel asks the other host's kernel, which answers for a
/// program that hangs or does not read. Nine seconds, since a client wants to go on elsewhere.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(3);
/// Between questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
/// Questions without an answer that end the connection.
const KEEPALIVE_COUNT: u32 = 3;
/// The peer's host has vanished when it has not acknowledged so many repetitions in a row: some six
/// seconds, or more where packets travel for long.
const REPETITIONS: u8 = 5;

/// The socket of a connection.
#[derive(Debug)]
pub(super) struct Stream(OwnedFd);

/// What the kernel says of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// It has all that it was sent, or there is no network in between.
    HasAll,
    /// It has not acknowledged something yet.
    Owes,
    /// It does not answer any more.
    Vanished,
}

impl Stream {
    pub(super) fn of_tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_COUNT)?;
        Ok(Self(stream.into()))
    }

    /// Does not wait for a server whose queue is full.
    pub(super) fn connect_unix(address: &SocketAddrUnix) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, address)?;
        Ok(Self(socket))
    }

    /// What has come; `None` if nothing has, and no bytes at the end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        now_or_never(|| rustix::io::read(&self.0, &mut *buffer))
    }

    /// Writes what there is room for; `None` if there is none.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        now_or_never(|| send(&self.0, bytes, SendFlags::NOSIGNAL))
    }

    /// Keepalive is silent while packets are not acknowledged, and the kernel alone repeats them for
    /// a quarter of an hour.
    pub(super) fn peer(&self) -> Peer {
        let facts = tcp_facts(self.0.as_raw_fd());
        let is = |repetitions| move |facts: TcpFacts| facts.has_vanished(repetitions);
        if facts.is_some_and(is(REPETITIONS)) {
            Peer::Vanished
        } else if facts.is_some_and(is(0)) {
            Peer::Owes
        } else {
            Peer::HasAll
        }
    }

    /// Ends the connection at once: what waits in the kernel is thrown away, and the peer is told by
    /// a reset.
    pub(super) fn reset(self) {
        // Without it the end would be an orderly one, which is as well.
        sockopt::set_socket_linger(&self.0, Some(Duration::ZERO)).unwrap_or_default();
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Calls again after a signal; `None` if it would have to wait.
fn now_or_never<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<Option<T>> {
    match rustix::io::retry_on_intr(&mut call) {
        Ok(done) => Ok(Some(done)),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn a_stream_never_waits_and_ends_with_a_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = Stream::of_tcp(stream).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), None);
        peer.write_all(b"abc").unwrap();
        let mut buffer = [0; 8];
        while stream.read(&mut buffer).unwrap().is_none() {}
        assert_eq!(&buffer[..3], b"abc");
        while stream.write(&[0; 16 << 10]).unwrap().is_some() {}
        assert_ne!(stream.peer(), Peer::Vanished);
        stream.reset();
        let end = std::iter::repeat_with(|| peer.read(&mut [0; 16 << 10]))
            .find(|outcome| !matches!(outcome, Ok(1..)))
            .unwrap();
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn who_has_acknowledged_all_owes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = Stream::of_tcp(stream).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        stream.write(b"x").unwrap();
        peer.read_exact(&mut [0]).unwrap();
        while stream.peer() == Peer::Owes {}
        assert_eq!(stream.peer(), Peer::HasAll);
    }
}
