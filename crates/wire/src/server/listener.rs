//! A socket that takes new connections.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mio::{
    Interest, Registry, Token,
    net::{TcpListener, UnixListener},
};

use super::{
    endpoint::Bound,
    stream::{Address, Stream},
};

/// How long a listener rests when there is no descriptor or memory for a connection.
pub(crate) const REST: Duration = Duration::from_millis(500);

pub(crate) struct Listener {
    socket: Socket,
    /// To be removed in the end.
    file: Option<File>,
    /// By which door it lets in.
    pub(crate) door: usize,
    /// There may be connections to accept.
    is_ready: bool,
    rests_until: Option<Instant>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The file of a socket, told from one that somebody else made in its place.
struct File {
    path: PathBuf,
    inode: (u64, u64),
}

impl File {
    fn new(path: PathBuf) -> io::Result<Self> {
        Ok(Self { inode: inode_of(&path)?, path })
    }
}

fn inode_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(File { path, inode }) = &self.file
            && inode_of(path).is_ok_and(|found| found == *inode)
        {
            fs::remove_file(path).unwrap_or_default();
        }
    }
}

impl Listener {
    pub(crate) fn new(
        bound: Bound,
        door: usize,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let mut file = None;
        let socket = match bound {
            Bound::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let mut listener = TcpListener::from_std(listener);
                registry.register(&mut listener, token, Interest::READABLE)?;
                Socket::Tcp(listener)
            }
            Bound::Unix(listener, path) => {
                listener.set_nonblocking(true)?;
                let mut listener = UnixListener::from_std(listener);
                registry.register(&mut listener, token, Interest::READABLE)?;
                file = path.map(File::new).transpose()?;
                Socket::Unix(listener)
            }
        };
        Ok(Self { socket, file, door, is_ready: false, rests_until: None })
    }

    pub(crate) fn has_news(&mut self) {
        self.is_ready = true;
    }

    /// Whether to look for connections at once.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready && self.rests_until.is_none()
    }

    pub(crate) fn rests(&self) -> bool {
        self.rests_until.is_some()
    }

    /// The next connection, if there is one.
    pub(crate) fn accept(&mut self, now: Instant) -> Option<(Stream, Address)> {
        if self.rests_until.is_some_and(|until| now < until) || !self.is_ready {
            return None;
        }
        self.rests_until = None;
        let accepted = match &self.socket {
            Socket::Tcp(listener) => listener
                .accept()
                .map(|(stream, address)| (Stream::Tcp(stream), Address::Ip(address))),
            Socket::Unix(listener) => {
                listener.accept().map(|(stream, _)| (Stream::Unix(stream), Address::Local))
            }
        };
        match accepted {
            Ok(accepted) => return Some(accepted),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_ready = false,
            // A peer that left before it was let in.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted at present");
                self.rests_until = Some(now + REST);
            }
        }
        None
    }
}
