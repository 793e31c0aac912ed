//! A client's socket. ZeroMQ connects again by itself after everything but a handshake that
//! failed, since it thinks that the next one will fail too; the relay may trust the key by then.

use std::time::{Duration, Instant};

use crate::{
    Context, HandshakeFailure, WireError,
    curve::Security,
    socket::{MonitoredSocket, Report, Reports, Settings, connect},
    sys::{SocketOption, set_option},
};

/// How long after a failed handshake the next one is tried.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct ClientSocket {
    socket: MonitoredSocket,
    endpoint: String,
    /// Why there is no connection at present, if that is known.
    failure: Option<HandshakeFailure>,
    retry: Option<Instant>,
}

impl ClientSocket {
    pub(crate) fn connect(
        context: &Context,
        settings: &Settings,
        endpoint: &str,
        security: &Security,
    ) -> Result<Self, WireError> {
        let mut socket = context.monitored(settings, Reports::Client)?;
        be_quick(&mut socket.socket)?;
        security.protect(&socket.socket)?;
        connect(&socket.socket, endpoint)?;
        Ok(Self { socket, endpoint: endpoint.to_owned(), failure: None, retry: None })
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
        match report {
            Some(Report::Connected) => (self.failure, self.retry) = (None, None),
            Some(Report::Failed(failure)) => {
                self.failure = Some(failure);
                self.retry = Some(Instant::now() + PAUSE);
            }
            _ => {}
        }
        Ok(report)
    }

    /// Why there is no connection, if the last report said so.
    pub(crate) fn failure(&self) -> Option<HandshakeFailure> {
        self.failure
    }

    /// When [`Self::retry`] has something to do.
    pub(crate) fn next_retry(&self) -> Option<Instant> {
        self.retry
    }

    /// Connects again if it is time. What was sent and did not arrive is forgotten.
    pub(crate) fn retry(&mut self, now: Instant) -> Result<(), zmq::Error> {
        if self.retry.is_some_and(|at| at <= now) {
            self.retry = None;
            self.start_over()?;
        }
        Ok(())
    }

    /// Connects anew. What was not sent yet is forgotten.
    pub(crate) fn start_over(&self) -> Result<(), zmq::Error> {
        // There may be nothing left that could be disconnected.
        self.zmq().disconnect(&self.endpoint).unwrap_or_default();
        self.zmq().connect(&self.endpoint)
    }
}

/// Notices a dead connection, and that it can be made again, within ten seconds together: a host that
/// vanished says nothing, and TCP alone waits longer and longer before it tries once more.
fn be_quick(socket: &mut zmq::Socket) -> Result<(), zmq::Error> {
    // So that there is something which the other host's kernel has to acknowledge ...
    socket.set_heartbeat_ivl(3_000)?;
    // ... in so much time. The heartbeat's own timeout stays long: a consumer that is slow to read does
    // not see the answer, and is not to be cut off for it.
    set_option(socket, SocketOption::TcpMaxRetransmission, 6_000)?;
    socket.set_connect_timeout(2_000)?;
    socket.set_reconnect_ivl_max(2_000)
}
