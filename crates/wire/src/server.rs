//! The relay's side of ZeroMQ: endpoints, connections and a loop over them.
//!
//! Each server has one thread for all of its endpoints, plain and encrypted. It never waits for a
//! peer or for whoever takes what peers sent, so one thread does; and since the servers have one
//! each, what subscribers cost delays nobody's acknowledgement.
//!
//! | module | what it is |
//! |---|---|
//! | `endpoint`, `listener` | where a server listens |
//! | `doors`, `places`, `origin` | who is let in: how many, from where, and by which keys |
//! | `turns` | who is read next |
//! | `connection`, `stream`, `outbox` | one peer: its reading half, and what waits for it |
//! | `connections`, `limits` | all peers, what is too much, and what became of them |
//! | `event_loop` | the thread |
//! | `cores` | more threads, for as long as there is much to do at once |

mod connection;
mod connections;
mod cores;
mod doors;
mod endpoint;
mod event_loop;
mod limits;
mod listener;
mod origin;
mod outbox;
mod places;
mod stream;
mod turns;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread::JoinHandle,
};

use laniakea_zmtp::{Limits, Role};
use mio::{Poll, Token, Waker};

pub use self::limits::ConnectionCounters;
pub(crate) use self::{
    connection::{Connection, ConnectionId},
    connections::Connections,
    event_loop::Service,
    limits::Cut,
    outbox::{Block, Pool},
};
use self::{doors::Door, event_loop::EventLoop, listener::Listener};
use crate::{Endpoint, Listen, WireError};

const WAKER: usize = 0;

/// The phases of a server, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Reading,
    /// What has arrived is still read; what is answered is still sent.
    Closed,
    /// The last is sent, and the thread ends.
    Ending,
}

/// A server's thread, from outside.
#[derive(Debug)]
pub(crate) struct Control {
    phase: AtomicU8,
    waker: Waker,
}

impl Control {
    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Reading,
            1 => Phase::Closed,
            _ => Phase::Ending,
        }
    }

    /// Goes on to a phase, never back.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.wake();
    }

    /// Makes the thread look for what there is to do.
    pub(crate) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a server's thread cannot be woken");
        }
    }
}

/// What a server is told beside where it listens.
pub(crate) struct Settings {
    /// Its thread's.
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// What a peer may send.
    pub(crate) messages: Limits,
    /// Bytes that wait for all peers.
    pub(crate) max_unsent: usize,
}

/// A server whose endpoints are bound and whose thread does not run yet.
pub(crate) struct BoundServer {
    name: &'static str,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) control: Arc<Control>,
    poll: Poll,
    listeners: Vec<Listener>,
    connections: Connections,
}

impl BoundServer {
    /// Binds the endpoints. Whoever connects waits for [`start`](Self::start).
    pub(crate) fn bind(listen: &Listen, settings: &Settings) -> Result<Self, WireError> {
        let poll = Poll::new().map_err(WireError::Thread)?;
        let waker = Waker::new(poll.registry(), Token(WAKER)).map_err(WireError::Thread)?;
        let control = Arc::new(Control { phase: AtomicU8::new(Phase::Reading as u8), waker });
        let (mut endpoints, mut listeners, mut doors) = (Vec::new(), Vec::new(), Vec::new());
        for (group, gate) in listen.doors()? {
            for endpoint in group {
                let failed = |source| WireError::Bind { endpoint: endpoint.0.clone(), source };
                let (bound, resolved) = endpoint::bind(endpoint).map_err(failed)?;
                let token = Token(WAKER + 1 + listeners.len());
                let listener = Listener::new(bound, doors.len(), poll.registry(), token);
                listeners.push(listener.map_err(failed)?);
                endpoints.push(resolved);
            }
            doors.push(Door::new(gate, settings.role, settings.messages, listen.limits));
        }
        let registry = poll.registry().try_clone().map_err(WireError::Thread)?;
        let first = WAKER + 1 + listeners.len();
        let connections = Connections::new(
            doors,
            Pool::new(settings.max_unsent),
            registry,
            first,
            Arc::default(),
        );
        Ok(Self { name: settings.name, endpoints, control, poll, listeners, connections })
    }

    pub(crate) fn counters(&self) -> Arc<ConnectionCounters> {
        self.connections.counters.clone()
    }

    /// Starts the thread.
    pub(crate) fn start(self, service: impl Service) -> Result<Server, WireError> {
        let Self { name, endpoints, control, poll, listeners, connections } = self;
        let counters = connections.counters.clone();
        let event_loop = EventLoop::new(poll, control.clone(), listeners, connections, service);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || event_loop.run())
            .map_err(WireError::Thread)?;
        Ok(Server { endpoints, control, counters, thread: Some(thread) })
    }
}

/// A server whose thread runs until this is dropped.
pub(crate) struct Server {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) control: Arc<Control>,
    pub(crate) counters: Arc<ConnectionCounters>,
    thread: Option<JoinHandle<()>>,
}

/// Sends what waits, then closes the sockets.
impl Drop for Server {
    fn drop(&mut self) {
        self.control.enter(Phase::Ending);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Ends the reading side of a server.
#[derive(Clone)]
pub struct Closer(Arc<Control>);

impl Closer {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self(control)
    }

    /// Stops taking messages; answers are still sent.
    pub fn close(&self) {
        self.0.enter(Phase::Closed);
    }
}
