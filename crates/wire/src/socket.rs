//! Sockets with the options that every one of them needs.

use std::{
    fmt,
    os::fd::RawFd,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{WireError, sys::stop_monitor};

/// A ZeroMQ context; one a process.
#[derive(Clone)]
pub struct Context(zmq::Context);

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Starts ZeroMQ's I/O thread.
    pub fn new() -> Self {
        Self(zmq::Context::new())
    }

    pub(crate) fn socket(&self, settings: &Settings) -> Result<zmq::Socket, WireError> {
        let socket = self.0.socket(settings.kind)?;
        socket.set_ipv6(true)?;
        socket.set_linger(0)?;
        socket.set_maxmsgsize(settings.max_message_bytes)?;
        socket.set_rcvhwm(settings.receive_queue)?;
        socket.set_sndhwm(settings.send_queue)?;
        socket.set_handshake_ivl(3_000)?;
        settings.keepalive.set(&socket)?;
        socket.set_reconnect_ivl(100)?;
        socket.set_reconnect_ivl_max(5_000)?;
        // What the kernel holds of a connection that is not read is bounded too; it doubles this.
        socket.set_rcvbuf(RECEIVE_BUFFER)?;
        if settings.kind == zmq::ROUTER {
            // A reply to a peer that is gone or does not read fails at once instead of being
            // dropped in silence; every send is non-blocking, or it would wait for that peer.
            socket.set_router_mandatory(true)?;
        }
        Ok(socket)
    }

    /// A socket whose connections report what becomes of them.
    pub(crate) fn monitored(
        &self,
        settings: &Settings,
        reports: Reports,
    ) -> Result<MonitoredSocket, WireError> {
        // Names of in-process endpoints are unique in a context, and there may be several.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let endpoint = format!("inproc://monitor-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let socket = self.socket(settings)?;
        socket.monitor(&endpoint, reports.mask())?;
        let monitor = self.0.socket(zmq::PAIR)?;
        // ZeroMQ's own thread must never wait for the reader of its reports.
        monitor.set_rcvhwm(0)?;
        monitor.connect(&endpoint)?;
        Ok(MonitoredSocket { socket, monitor })
    }

    /// The socket of a handler that libzmq asks in this process.
    pub(crate) fn handler(&self, endpoint: &str) -> Result<zmq::Socket, WireError> {
        let socket = self.0.socket(zmq::REP)?;
        socket.set_linger(0)?;
        socket
            .bind(endpoint)
            .map_err(|source| WireError::Bind { endpoint: endpoint.to_owned(), source })?;
        Ok(socket)
    }
}

/// Bytes that the kernel keeps for one connection, before it doubles them.
pub(crate) const RECEIVE_BUFFER: i32 = 256 << 10;

/// What differs between sockets.
pub(crate) struct Settings {
    pub(crate) kind: zmq::SocketType,
    /// Longer incoming frames cut the connection.
    pub(crate) max_message_bytes: i64,
    pub(crate) receive_queue: i32,
    pub(crate) send_queue: i32,
    pub(crate) keepalive: Keepalive,
}

/// When a silent connection ends: the kernel asks the other host's kernel, which answers for a
/// program that hangs or does not read. Nothing is sent on the connection itself: libzmq ends the
/// process, ours or the peer's, when a ZMTP heartbeat meets a connection that broke while its
/// receive queue was full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keepalive {
    /// Seconds of silence before the first question.
    pub(crate) idle: i32,
    /// Seconds between questions.
    pub(crate) interval: i32,
    /// Questions without an answer that end the connection.
    pub(crate) count: i32,
}

impl Keepalive {
    /// A server has time: 30 seconds.
    pub(crate) const SERVER: Self = Self { idle: 15, interval: 5, count: 3 };

    fn set(self, socket: &zmq::Socket) -> Result<(), zmq::Error> {
        socket.set_tcp_keepalive(1)?;
        socket.set_tcp_keepalive_idle(self.idle)?;
        socket.set_tcp_keepalive_intvl(self.interval)?;
        socket.set_tcp_keepalive_cnt(self.count)
    }
}

/// What is reported of a socket's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reports {
    /// A server's: they come and go.
    Server,
}

impl Reports {
    fn mask(self) -> i32 {
        use zmq::SocketEvent::{
            ACCEPTED, DISCONNECTED, HANDSHAKE_FAILED_AUTH, HANDSHAKE_FAILED_NO_DETAIL,
            HANDSHAKE_FAILED_PROTOCOL,
        };
        let Self::Server = self;
        [
            ACCEPTED,
            DISCONNECTED,
            HANDSHAKE_FAILED_AUTH,
            HANDSHAKE_FAILED_NO_DETAIL,
            HANDSHAKE_FAILED_PROTOCOL,
        ]
        .map(|event| i32::from(event.to_raw()))
        .into_iter()
        .fold(0, |mask, event| mask | event)
    }
}

/// A socket and the reports on its connections.
pub(crate) struct MonitoredSocket {
    pub(crate) socket: zmq::Socket,
    monitor: zmq::Socket,
}

impl MonitoredSocket {
    pub(crate) fn monitor_item(&self) -> zmq::PollItem<'_> {
        self.monitor.as_poll_item(zmq::POLLIN)
    }

    /// The next report, if there is one.
    pub(crate) fn report(&self) -> Result<Option<Report>, zmq::Error> {
        while let Some(Received { frames, .. }) = receive(&self.monitor, 2)? {
            let fields = frames.first().and_then(|frame| frame.first_chunk::<6>());
            let Some([low, high, value @ ..]) = fields else { continue };
            let event = u16::from_ne_bytes([*low, *high]);
            let descriptor = i32::from_ne_bytes(*value);
            let is = |candidate: zmq::SocketEvent| candidate.to_raw() == event;
            return Ok(Some(
                if is(zmq::SocketEvent::ACCEPTED) || is(zmq::SocketEvent::CONNECTED) {
                    Report::Opened(descriptor)
                } else if is(zmq::SocketEvent::HANDSHAKE_SUCCEEDED) {
                    Report::Connected
                } else if is(zmq::SocketEvent::DISCONNECTED) {
                    Report::Disconnected(descriptor)
                } else if is(zmq::SocketEvent::HANDSHAKE_FAILED_AUTH) {
                    Report::Failed(HandshakeFailure::KeyRefused)
                } else {
                    Report::Failed(HandshakeFailure::NotUnderstood)
                },
            ));
        }
        Ok(None)
    }
}

impl Drop for MonitoredSocket {
    fn drop(&mut self) {
        stop_monitor(&mut self.socket);
    }
}

/// What became of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// The connection is up; nothing is known of the peer but the descriptor.
    Opened(RawFd),
    /// The handshake succeeded.
    Connected,
    /// It ended.
    Disconnected(RawFd),
    /// The handshake failed; the end follows.
    Failed(HandshakeFailure),
}

/// Why no connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The relay does not trust the key.
    KeyRefused,
    /// The two ends do not understand each other: another server key, or one encrypts and the
    /// other does not.
    NotUnderstood,
}

impl fmt::Display for HandshakeFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KeyRefused => "the relay does not trust this key for connections",
            Self::NotUnderstood => {
                "no handshake: the server key is another one, or one end encrypts and the other does not"
            }
        })
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(pub String);

/// Binds the endpoints and returns them as the system resolved them (`tcp://127.0.0.1:*` gets
/// its port).
pub(crate) fn bind(
    socket: &zmq::Socket,
    endpoints: &[Endpoint],
) -> Result<Vec<Endpoint>, WireError> {
    let bind = |Endpoint(endpoint): &Endpoint| {
        let resolved = socket.bind(endpoint).and_then(|()| socket.get_last_endpoint());
        match resolved {
            Ok(resolved) => Ok(Endpoint(plain(&resolved.unwrap_or_else(|_| endpoint.clone())))),
            Err(source) => Err(WireError::Bind { endpoint: endpoint.clone(), source }),
        }
    };
    endpoints.iter().map(bind).collect()
}

/// Sockets of both address families report IPv4 addresses in their IPv6 spelling.
fn plain(endpoint: &str) -> String {
    match endpoint.strip_prefix("tcp://[::ffff:").and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => format!("tcp://{address}{port}"),
        None => endpoint.to_owned(),
    }
}

/// Waits until something can be read, a signal excepted.
pub(crate) fn poll(items: &mut [zmq::PollItem<'_>], timeout_ms: i64) -> Result<(), zmq::Error> {
    match zmq::poll(items, timeout_ms) {
        Ok(_) | Err(zmq::Error::EINTR) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A message of one or several frames.
pub(crate) struct Received {
    /// The first ones.
    pub(crate) frames: Vec<zmq::Message>,
    /// Frames that the message had, those beyond `frames` included.
    pub(crate) count: usize,
    /// What all of them took on the wire, about.
    pub(crate) bytes: u64,
}

impl Received {
    /// The connection that the message came over.
    pub(crate) fn descriptor(&mut self) -> Option<RawFd> {
        // Of the last frame, since a ROUTER writes the first one itself.
        self.frames.last_mut()?.gets("__fd")?.parse().ok()
    }

    /// The client's key in Z85, where the connection is encrypted.
    pub(crate) fn user(&mut self) -> Option<&str> {
        self.frames.last_mut()?.gets("User-Id")
    }
}

/// Receives one message of several frames, if there is one. Of more than `max_frames` the rest
/// is thrown away.
pub(crate) fn receive(
    socket: &zmq::Socket,
    max_frames: usize,
) -> Result<Option<Received>, zmq::Error> {
    /// A long frame's header, and what encryption adds to a frame.
    const OVERHEAD: usize = 9 + 33;
    let mut frames = Vec::with_capacity(max_frames);
    let (mut count, mut bytes) = (0, 0);
    loop {
        let frame = match socket.recv_msg(zmq::DONTWAIT) {
            Ok(frame) => frame,
            Err(zmq::Error::EAGAIN) if count == 0 => return Ok(None),
            Err(zmq::Error::EINTR) => continue,
            Err(error) => return Err(error),
        };
        let more = frame.get_more();
        count += 1;
        bytes += (frame.len() + OVERHEAD) as u64;
        if frames.len() < max_frames {
            frames.push(frame);
        }
        if !more {
            return Ok(Some(Received { frames, count, bytes }));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_reader_that_stops_for_longer_than_any_keepalive_stays_connected() {
        let settings = Settings {
            kind: zmq::XPUB,
            max_message_bytes: 1_000,
            receive_queue: 10,
            send_queue: 10,
            keepalive: Keepalive { idle: 1, interval: 1, count: 1 },
        };
        let context = Context::new();
        let server = context.monitored(&settings, Reports::Server).unwrap();
        let here = bind(&server.socket, &[Endpoint("tcp://127.0.0.1:*".to_owned())]).unwrap();
        let reader = zmq::Context::new().socket(zmq::SUB).unwrap();
        reader.set_rcvhwm(1).unwrap();
        reader.set_subscribe(b"").unwrap();
        reader.connect(&here[0].0).unwrap();
        let message = vec![b'x'; 100_000];
        let patience = Instant::now() + Duration::from_secs(4);
        let mut reports = Vec::new();
        // Its window is closed soon, and its kernel is asked about it again and again.
        while Instant::now() < patience {
            server.socket.send(&message[..], zmq::DONTWAIT).unwrap();
            reports.extend(server.report().unwrap());
            poll(&mut [server.monitor_item()], 10).unwrap();
        }
        assert!(matches!(&reports[..], [Report::Opened(_)]), "{reports:?}");
        // What waited comes, and then what is new.
        reader.set_rcvtimeo(30_000).unwrap();
        while reader.recv_bytes(0).unwrap() != b"new" {
            server.socket.send("new", zmq::DONTWAIT).unwrap();
        }
        reports.extend(server.report().unwrap());
        assert!(matches!(&reports[..], [Report::Opened(_)]), "{reports:?}");
    }
}
