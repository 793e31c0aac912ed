//! A peer of the relay that does what it likes: every byte of a connection in the hands of a trial,
//! in the clear or encrypted, without waiting for anything.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    time::{Duration, Instant},
};

use fastrand::Rng;
use laniakea_e2e::{Module, RunningRelay};
use laniakea_zmtp::{
    Connection, Limits, Role, Security, Setup,
    curve::{KeyPair, PublicKey, SecretKey},
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt::set_socket_linger};

/// The names of a relay's endpoints, in the order in which they are numbered here.
pub(crate) const ENDPOINTS: [&str; 3] = ["submit", "publish", "replay"];

/// Where to connect to, and as whom.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    pub(crate) setup: Setup,
}

impl Target {
    /// An endpoint by its number, encrypted where `member` has a key.
    pub(crate) fn new(
        relay: &RunningRelay,
        endpoint: usize,
        role: Role,
        member: Option<&Module>,
    ) -> Self {
        let endpoints = relay.endpoints();
        let plain = [&endpoints.submit, &endpoints.publish, &endpoints.replay];
        let (endpoint, security) = match member {
            None => (plain[endpoint], Security::NullClient),
            Some(member) => {
                let (_, secret) = member.curve_pair().unwrap();
                let own = KeyPair::of(SecretKey::from_bytes(key(secret)));
                let server = PublicKey::from_bytes(key(relay.curve_key().unwrap()));
                (&endpoints.curve[endpoint], Security::CurveClient { own, server })
            }
        };
        let address = endpoint.strip_prefix("tcp://").unwrap().parse().unwrap();
        Self {
            address,
            setup: Setup { role, security, limits: Limits::of_messages(8 << 20, 2_000) },
        }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.setup.security, Security::CurveClient { .. })
    }

    /// Somebody else, whom the relay does not know.
    pub(crate) fn with_new_key(&mut self) {
        if let Security::CurveClient { own, .. } = &mut self.setup.security {
            *own = KeyPair::generate(&mut |bytes: &mut [u8]| fastrand::fill(bytes));
        }
    }

    /// A connection that is being made, from one of all the addresses that this machine has, so that
    /// neither ports run out nor those that wait after their end are met again.
    pub(crate) fn connect(&self, rng: &mut Rng) -> std::io::Result<TcpStream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        let own = Ipv4Addr::new(127, rng.u8(1..255), rng.u8(..), rng.u8(1..255));
        rustix::net::bind(&socket, &SocketAddrV4::new(own, 0))?;
        match rustix::net::connect(&socket, &self.address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from(socket);
        // Whoever leaves does so with a reset, unless it says otherwise.
        set_socket_linger(&stream, Some(Duration::ZERO))?;
        Ok(stream)
    }
}

fn key(text: &str) -> [u8; 32] {
    zmq::z85_decode(text).unwrap().try_into().unwrap()
}

/// One connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    pub(crate) zmtp: Connection,
    /// What is to be written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// All that it wrote.
    pub(crate) sent: usize,
    /// It is cut off after so many bytes.
    pub(crate) most: usize,
}

impl Peer {
    /// Begins to connect.
    pub(crate) fn open(target: &Target, rng: &mut Rng) -> std::io::Result<Self> {
        let stream = target.connect(rng)?;
        let random = &mut |bytes: &mut [u8]| rng.fill(bytes);
        let zmtp = Connection::new(&target.setup, random);
        Ok(Self { stream, zmtp, out: Vec::new(), written: 0, sent: 0, most: usize::MAX })
    }

    /// The same for one that writes so many bytes and no more.
    pub(crate) fn open_for(target: &Target, most: usize, rng: &mut Rng) -> std::io::Result<Self> {
        Ok(Self { most, ..Self::open(target, rng)? })
    }

    /// Whether the handshake is done.
    pub(crate) fn is_ready(&self) -> bool {
        self.zmtp.peer().is_some()
    }

    /// Goes on with the handshake as far as one can without waiting; says whether it is done.
    pub(crate) fn shake(&mut self) -> std::io::Result<bool> {
        while !self.is_ready() {
            self.out.extend(self.zmtp.take_output());
            self.flush()?;
            let Some(bytes) = self.read()? else { return Ok(false) };
            self.zmtp.read(&mut &bytes[..]).map_err(std::io::Error::other)?;
        }
        self.out.extend(self.zmtp.take_output());
        Ok(true)
    }

    /// Waits until the handshake is done.
    pub(crate) fn wait(&mut self) -> std::io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.shake()? {
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.flush().map(drop)
    }

    /// What has come, if anything has.
    pub(crate) fn read(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; 4 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                bytes.truncate(length);
                Ok(Some(bytes))
            }
            Err(error) if is_early(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is to be written next goes there.
    pub(crate) fn out(&mut self) -> (&mut Connection, &mut Vec<u8>) {
        (&mut self.zmtp, &mut self.out)
    }

    /// Bytes that are to be written.
    pub(crate) fn unsent(&self) -> usize {
        self.out.len() - self.written
    }

    /// Whether it has written all that it may.
    pub(crate) fn is_at_its_end(&self) -> bool {
        self.sent >= self.most
    }

    /// Writes what the kernel takes.
    pub(crate) fn flush(&mut self) -> std::io::Result<usize> {
        let before = self.sent;
        while self.written < self.out.len() && !self.is_at_its_end() {
            let left = self.most - self.sent;
            let end = self.out.len().min(self.written.saturating_add(left));
            match self.stream.write(&self.out[self.written..end]) {
                Ok(length) => {
                    self.written += length;
                    self.sent += length;
                }
                Err(error) if is_early(&error) => break,
                Err(error) => return Err(error),
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        Ok(self.sent - before)
    }

    /// Leaves in good order.
    pub(crate) fn finish(self) {
        set_socket_linger(&self.stream, None).unwrap_or_default();
    }
}

/// The kernel is not ready for it, or the connection is not yet made.
fn is_early(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
