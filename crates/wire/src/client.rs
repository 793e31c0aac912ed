//! A client's socket. ZeroMQ connects again by itself after most things, but never after a protocol
//! error, whoever made it; nor does it see that a host vanished while it owes us acknowledgements.
//! Both are looked after here.

use std::{
    os::fd::RawFd,
    time::{Duration, Instant},
};

use crate::{
    Context, HandshakeFailure, WireError,
    curve::Security,
    socket::{MonitoredSocket, Report, Reports, Settings, connect},
    sys,
};

/// How long after a failed handshake the next one is tried: the relay may trust the key by then.
const PAUSE: Duration = Duration::from_secs(1);
/// Without a finished handshake for so long, the client connects anew. It is doubled each time ...
const FIRST_PATIENCE: Duration = Duration::from_secs(4);
/// ... up to this.
const LAST_PATIENCE: Duration = Duration::from_secs(30);
/// How often a connection is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The peer's host has vanished when it has not acknowledged so many repetitions in a row: some six
/// seconds, or more where packets travel for long.
const REPETITIONS: u8 = 5;

pub(crate) struct ClientSocket {
    socket: MonitoredSocket,
    endpoint: String,
    connection: Option<Connection>,
    /// Why there is no connection at present, if that is known.
    failure: Option<HandshakeFailure>,
    /// A handshake has finished and the connection stands.
    is_connected: bool,
    /// When to look at a connection that stands, or to connect anew where none does.
    next_look: Instant,
    patience: Duration,
}

/// The connection, as the kernel knows it.
struct Connection {
    descriptor: RawFd,
    cookie: u64,
}

impl ClientSocket {
    pub(crate) fn connect(
        context: &Context,
        settings: &Settings,
        endpoint: &str,
        security: &Security,
    ) -> Result<Self, WireError> {
        let socket = context.monitored(settings, Reports::Client)?;
        // Found again within a second or two, also where a host does not answer.
        socket.socket.set_connect_timeout(2_000)?;
        socket.socket.set_reconnect_ivl_max(2_000)?;
        security.protect(&socket.socket)?;
        connect(&socket.socket, endpoint)?;
        Ok(Self {
            socket,
            endpoint: endpoint.to_owned(),
            connection: None,
            failure: None,
            is_connected: false,
            next_look: Instant::now() + FIRST_PATIENCE,
            patience: FIRST_PATIENCE,
        })
    }

    pub(crate) fn zmq(&self) -> &zmq::Socket {
        &self.socket.socket
    }

    pub(crate) fn monitor_item(&self) -> zmq::PollItem<'_> {
        self.socket.monitor_item()
    }

    /// The next report on the connection, if there is one.
    pub(crate) fn report(&mut self) -> Result<Option<Report>, zmq::Error> {
        let report = self.socket.report()?;
        let now = Instant::now();
        match report {
            Some(Report::Opened(descriptor)) => {
                let cookie = sys::cookie(descriptor);
                self.connection = cookie.map(|cookie| Connection { descriptor, cookie });
            }
            Some(Report::Connected) => {
                (self.failure, self.is_connected) = (None, true);
                (self.next_look, self.patience) = (now + LOOK, FIRST_PATIENCE);
            }
            Some(Report::Failed(failure)) => {
                (self.failure, self.is_connected) = (Some(failure), false);
                self.next_look = now + PAUSE;
            }
            Some(Report::Disconnected(_)) => {
                self.connection = None;
                if std::mem::take(&mut self.is_connected) {
                    self.next_look = now + self.patience;
                }
            }
            None => {}
        }
        Ok(report)
    }

    /// Why there is no connection, if the last report said so.
    pub(crate) fn failure(&self) -> Option<HandshakeFailure> {
        self.failure
    }

    /// When [`Self::look`] has something to do.
    pub(crate) fn next_look(&self) -> Instant {
        self.next_look
    }

    /// If it is time: ends a connection whose peer has vanished, and connects anew where there has
    /// been no connection for a while.
    pub(crate) fn look(&mut self, now: Instant) -> Result<(), zmq::Error> {
        if self.next_look > now {
            return Ok(());
        }
        if self.is_connected {
            self.next_look = now + LOOK;
            let connection = self.connection.as_ref();
            let facts = connection.and_then(|connection| sys::tcp_facts(connection.descriptor));
            if facts.is_some_and(|facts| facts.has_vanished(REPETITIONS)) {
                tracing::info!(endpoint = self.endpoint, "the relay's host has vanished");
                self.cut();
            }
            return Ok(());
        }
        self.next_look = now + self.patience;
        self.patience = (self.patience * 2).min(LAST_PATIENCE);
        self.start_over()
    }

    /// Ends the connection, if there is one; ZeroMQ reports that and connects again.
    pub(crate) fn cut(&self) {
        if let Some(Connection { descriptor, cookie }) = self.connection
            && sys::cookie(descriptor) == Some(cookie)
        {
            sys::cut(descriptor);
        }
    }

    /// Connects anew. What was not sent yet is forgotten.
    pub(crate) fn start_over(&self) -> Result<(), zmq::Error> {
        // There may be nothing left that could be disconnected.
        self.zmq().disconnect(&self.endpoint).unwrap_or_default();
        self.zmq().connect(&self.endpoint)
    }
}
