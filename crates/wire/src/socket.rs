//! Sockets with the options that every one of them needs.

use crate::WireError;

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
        socket.set_heartbeat_ivl(15_000)?;
        socket.set_heartbeat_timeout(30_000)?;
        socket.set_heartbeat_ttl(60_000)?;
        socket.set_reconnect_ivl(100)?;
        socket.set_reconnect_ivl_max(5_000)?;
        if settings.kind == zmq::ROUTER {
            // A reply to a peer that is gone or does not read fails at once instead of being
            // dropped in silence; every send is non-blocking, or it would wait for that peer.
            socket.set_router_mandatory(true)?;
        }
        Ok(socket)
    }

    /// A pair socket on which `socket` reports what becomes of its connections.
    pub(crate) fn monitor(&self, socket: &zmq::Socket) -> Result<zmq::Socket, WireError> {
        use std::sync::atomic::{AtomicU64, Ordering};
        // Names of in-process endpoints are unique in a context, and there may be several.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let endpoint = format!("inproc://monitor-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let events = zmq::SocketEvent::HANDSHAKE_SUCCEEDED.to_raw()
            | zmq::SocketEvent::DISCONNECTED.to_raw();
        socket.monitor(&endpoint, i32::from(events))?;
        let monitor = self.0.socket(zmq::PAIR)?;
        monitor.connect(&endpoint)?;
        Ok(monitor)
    }
}

/// What differs between sockets.
pub(crate) struct Settings {
    pub(crate) kind: zmq::SocketType,
    /// Longer incoming frames cut the connection.
    pub(crate) max_message_bytes: i64,
    pub(crate) receive_queue: i32,
    pub(crate) send_queue: i32,
}

/// Where a server listens. Encrypted endpoints will be another kind of it.
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

pub(crate) fn connect(socket: &zmq::Socket, endpoint: &str) -> Result<(), WireError> {
    socket
        .connect(endpoint)
        .map_err(|source| WireError::Connect { endpoint: endpoint.to_owned(), source })
}

/// Waits until something can be read, a signal excepted.
pub(crate) fn poll(items: &mut [zmq::PollItem<'_>], timeout_ms: i64) -> Result<(), zmq::Error> {
    match zmq::poll(items, timeout_ms) {
        Ok(_) | Err(zmq::Error::EINTR) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Receives one message of several frames, if there is one. Of more than `max_frames` the rest
/// is thrown away; the true number of frames is returned beside them.
pub(crate) fn receive(
    socket: &zmq::Socket,
    max_frames: usize,
) -> Result<Option<(Vec<zmq::Message>, usize)>, zmq::Error> {
    let mut frames = Vec::with_capacity(max_frames);
    let mut count = 0;
    loop {
        let frame = match socket.recv_msg(zmq::DONTWAIT) {
            Ok(frame) => frame,
            Err(zmq::Error::EAGAIN) if count == 0 => return Ok(None),
            Err(zmq::Error::EINTR) => continue,
            Err(error) => return Err(error),
        };
        let more = frame.get_more();
        count += 1;
        if frames.len() < max_frames {
            frames.push(frame);
        }
        if !more {
            return Ok(Some((frames, count)));
        }
    }
}

/// The option of XPUB sockets for which the `zmq` crate has no method.
pub(crate) trait XpubSocket {
    /// With `true` a send fails while any subscriber's queue is full; with `false` that
    /// subscriber loses the message.
    fn set_xpub_nodrop(&mut self, nodrop: bool) -> Result<(), zmq::Error>;
}

impl XpubSocket for zmq::Socket {
    #[expect(unsafe_code, reason = "the crate offers no safe way to set this option")]
    fn set_xpub_nodrop(&mut self, nodrop: bool) -> Result<(), zmq::Error> {
        /// `ZMQ_XPUB_NODROP` of zmq.h.
        const XPUB_NODROP: std::ffi::c_int = 69;
        let value = std::ffi::c_int::from(nodrop);
        // SAFETY: the socket is open for as long as `self` lives, nobody else uses it meanwhile
        // because `self` is borrowed mutably, and ZeroMQ copies the value before it returns.
        let outcome = unsafe {
            zmq_sys::zmq_setsockopt(
                self.as_mut_ptr(),
                XPUB_NODROP,
                std::ptr::from_ref(&value).cast(),
                size_of_val(&value),
            )
        };
        if outcome == 0 { Ok(()) } else { Err(zmq::Error::EINVAL) }
    }
}

/// What a monitored socket's connection did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionChange {
    Connected,
    Disconnected,
}

pub(crate) fn receive_change(
    monitor: &zmq::Socket,
) -> Result<Option<ConnectionChange>, zmq::Error> {
    while let Some((frames, _)) = receive(monitor, 2)? {
        let event = frames.first().and_then(|frame| frame.first_chunk::<2>());
        let Some(event) = event.map(|bytes| u16::from_ne_bytes(*bytes)) else {
            continue;
        };
        if event == zmq::SocketEvent::HANDSHAKE_SUCCEEDED.to_raw() {
            return Ok(Some(ConnectionChange::Connected));
        }
        if event == zmq::SocketEvent::DISCONNECTED.to_raw() {
            return Ok(Some(ConnectionChange::Disconnected));
        }
    }
    Ok(None)
}
