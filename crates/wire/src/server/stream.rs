//! The two kinds of streams that peers connect with.

use std::{
    fmt,
    io::{self, IoSlice, Read, Write},
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, AsRawFd as _, BorrowedFd},
    time::Duration,
};

use mio::{
    Interest, Registry, Token,
    event::Source,
    net::{TcpStream, UnixStream},
};
use rustix::net::sockopt;

use crate::sys;

/// A peer's host has vanished when it has not acknowledged so many repetitions in a row: some 25
/// seconds.
const REPETITIONS: u8 = 7;

/// One end of a connection, which never blocks.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Where a peer is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    Ip(SocketAddr),
    Local,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // IPv4 comes in its IPv6 spelling where one socket listens for both.
            Self::Ip(address) => {
                let ip: IpAddr = address.ip().to_canonical();
                write!(formatter, "{}", SocketAddr::new(ip, address.port()))
            }
            Self::Local => formatter.write_str("local"),
        }
    }
}

/// What the kernel knows of whether the peer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It has acknowledged everything.
    Good,
    /// It has not acknowledged everything yet.
    Open,
    /// Its host does not answer.
    Vanished,
}

impl Stream {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interest),
            Self::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    /// Keepalive is silent while something is not acknowledged, and the kernel alone repeats it for
    /// a quarter of an hour. A peer that does not read closes its window, and its kernel
    /// acknowledges all that it was sent.
    pub(crate) fn reach(&self) -> Reach {
        match sys::tcp_facts(self.as_fd().as_raw_fd()) {
            Some(facts) if facts.has_vanished(REPETITIONS) => Reach::Vanished,
            Some(facts) if facts.is_awaited() => Reach::Open,
            _ => Reach::Good,
        }
    }

    /// Closing it tells the peer at once, by a reset. With an orderly end a peer that waits for room
    /// in our receive buffer would wait on: nobody reads any more, so nobody tells it that there is
    /// room.
    pub(crate) fn reset_on_close(&self) {
        sockopt::set_socket_linger(self, Some(Duration::ZERO)).unwrap_or_default();
    }

    /// Nothing follows; what was written still arrives.
    pub(crate) fn finish(&self) {
        rustix::net::shutdown(self, rustix::net::Shutdown::Write).unwrap_or_default();
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Unix(stream) => stream.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
