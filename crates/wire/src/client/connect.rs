//! Makes a connection, on a thread of its own: asking for a host's addresses and connecting to them
//! can take a while, and whoever owns the link has other things to do.

use std::{
    io,
    net::{TcpStream, ToSocketAddrs as _},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    thread,
    time::Duration,
};

use super::{endpoint::Address, stream::Stream};
use crate::wake::Waker;

/// How long one address may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Addresses of a host that are tried.
const MAX_ADDRESSES: usize = 8;

/// An attempt that is under way.
#[derive(Debug)]
pub(super) struct Attempt(Receiver<io::Result<Stream>>);

impl Attempt {
    /// Begins; the waker says when there is an outcome. The thread ends by itself, also if nobody
    /// wants the outcome any more.
    pub(super) fn start(address: &Address, waker: &Waker) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(1);
        let (address, waker) = (address.clone(), waker.clone());
        thread::Builder::new().name("connect".to_owned()).spawn(move || {
            drop(sender.send(connect(&address)));
            waker.wake();
        })?;
        Ok(Self(receiver))
    }

    pub(super) fn outcome(&self) -> Option<io::Result<Stream>> {
        match self.0.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(io::Error::other("the thread that connects has ended")))
            }
        }
    }
}

fn connect(address: &Address) -> io::Result<Stream> {
    match address {
        Address::Unix(address) => Stream::connect_unix(address),
        Address::Tcp { host, port } => {
            let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            for address in (host.as_str(), *port).to_socket_addrs()?.take(MAX_ADDRESSES) {
                let outcome = TcpStream::connect_timeout(&address, PATIENCE);
                match outcome.and_then(|stream| keep(&stream).and_then(|()| Stream::of_tcp(stream)))
                {
                    Ok(stream) => return Ok(stream),
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        }
    }
}

/// Where nobody listens at a port that the system may also give to us, a connection can come about
/// with itself; and whoever wants to listen there finds the port taken.
fn keep(stream: &TcpStream) -> io::Result<()> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::unix::net::UnixListener, time::Instant};

    use super::*;

    fn outcome(endpoint: &str) -> io::Result<Stream> {
        let waker = Waker::new().unwrap();
        let attempt = Attempt::start(&Address::parse(endpoint).unwrap(), &waker).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            waker.reset();
            if let Some(outcome) = attempt.outcome() {
                return outcome;
            }
            super::super::sleep(&waker, &[], deadline).unwrap();
            assert!(Instant::now() < deadline);
        }
    }

    #[test]
    fn each_kind_of_endpoint_is_reached() {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            // A machine may be without IPv6.
            let Ok(listener) = TcpListener::bind(format!("{host}:0")) else { continue };
            let port = listener.local_addr().unwrap().port();
            outcome(&format!("tcp://{host}:{port}")).unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        outcome(&format!("ipc://{}", path.display())).unwrap();
        drop(listener);
        let refused = outcome(&format!("ipc://{}", path.display())).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn what_is_not_there_is_told_with_its_cause() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = format!("tcp://{}", listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(outcome(&nobody).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(outcome("ipc:///nonexistent/x").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_unix_socket_whose_queue_is_full_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let endpoint = format!("ipc://{}", path.display());
        let failure = (0..200).find_map(|_| match outcome(&endpoint) {
            Ok(stream) => {
                std::mem::forget(stream);
                None
            }
            Err(error) => Some(error.kind()),
        });
        assert_eq!(failure, Some(io::ErrorKind::WouldBlock));
    }
}
