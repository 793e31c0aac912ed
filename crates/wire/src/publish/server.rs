//! The XPUB sockets, one for plain connections and one for encrypted ones, each with a thread.

use std::{
    sync::{Arc, atomic::AtomicI64},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::patience::Patience;
use crate::{
    Context, Endpoint, Listen, WireError,
    connections::{ConnectionCounters, Connections},
    listen::Door,
    socket::{Keepalive, MonitoredSocket, Reports, Settings, bind, poll, receive},
    sys::{SocketOption, set_option},
    wake::Waker,
};

/// Events that wait for one slow subscriber. ZeroMQ keeps 128 bytes for each beside the event
/// itself, so 200 subscribers that all fall behind cost 50 MB; they find what they lost by `prev`.
const SUBSCRIBER_QUEUE: i32 = 2_500;
/// No subscription that can match anything is longer, nor is any part of a handshake.
const MAX_SUBSCRIPTION_BYTES: i64 = 1 << 10;
/// Messages of one subscriber that ZeroMQ reads ahead. It goes through all of them at once, while
/// nothing is published: with more, one that never pauses would hold it there. With 1 some
/// subscriptions stayed unread (seen with libzmq 4.3.4).
const READ_AHEAD: i32 = 10;
/// Messages of subscribers that are looked at before publishing has its turn again: a millisecond.
const ROUND: usize = 500;
/// Groups that wait for the socket's thread, which never waits for a subscriber.
const QUEUED_GROUPS: usize = 64;

/// One event on its way out: the two frames of section 3.
#[derive(Clone)]
pub struct Publication {
    /// The event's id.
    pub id: Arc<str>,
    /// The event in canonical form.
    pub frame: Arc<[u8]>,
}

/// Publishes events.
///
/// In a burst it waits for its subscribers a little, since those of the older kind cannot ask for
/// what they missed. One that does not read at all soon loses events, so that it harms nobody
/// else, and finds out from `prev`.
pub struct PublishServer {
    endpoints: Vec<Endpoint>,
    doors: Vec<DoorHandle>,
    connections: Arc<ConnectionCounters>,
}

/// One socket's thread, from outside.
struct DoorHandle {
    groups: Option<Sender<Arc<[Publication]>>>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl PublishServer {
    /// Binds the endpoints.
    pub fn bind(context: &Context, listen: &Listen) -> Result<Self, WireError> {
        let mut server =
            Self { endpoints: Vec::new(), doors: Vec::new(), connections: Arc::default() };
        for door in listen.doors()? {
            server.open(context, &door, listen)?;
        }
        Ok(server)
    }

    fn open(
        &mut self,
        context: &Context,
        door: &Door<'_>,
        listen: &Listen,
    ) -> Result<(), WireError> {
        let settings = Settings {
            kind: zmq::XPUB,
            max_message_bytes: MAX_SUBSCRIPTION_BYTES,
            receive_queue: READ_AHEAD,
            send_queue: SUBSCRIBER_QUEUE,
            keepalive: Keepalive::SERVER,
        };
        let mut socket = context.monitored(&settings, Reports::Server)?;
        // Not only the first subscription to a prefix: each is counted against its connection.
        set_option(&mut socket.socket, SocketOption::XpubVerboser, true)?;
        if let Some(gate) = door.gate {
            gate.guard(&mut socket.socket)?;
        }
        self.endpoints.extend(bind(&socket.socket, door.endpoints)?);
        let waker = Waker::new().map_err(WireError::Thread)?;
        let (groups, receiver) = bounded(QUEUED_GROUPS);
        let thread = PublishThread {
            socket,
            connections: Connections::new(
                listen.limits,
                MAX_SUBSCRIPTION_BYTES,
                door.gate.map(|gate| gate.clients().clone()),
                self.connections.clone(),
            ),
            groups: receiver,
            waker: waker.clone(),
            patience: Patience::default(),
        };
        let thread = std::thread::Builder::new()
            .name(door.thread_name("publish"))
            .spawn(move || thread.run())
            .map_err(WireError::Thread)?;
        self.doors.push(DoorHandle { groups: Some(groups), waker, thread: Some(thread) });
        Ok(())
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Sends events to everybody who subscribed to their ids, in this order.
    pub fn publish(&self, group: Vec<Publication>) {
        let group: Arc<[Publication]> = group.into();
        for DoorHandle { groups, waker, .. } in &self.doors {
            if groups.as_ref().is_some_and(|groups| groups.send(group.clone()).is_ok()) {
                waker.wake();
            }
        }
    }

    /// Subscriptions at present, each connection's counted.
    pub fn subscriptions(&self) -> Arc<AtomicI64> {
        self.connections.subscribed()
    }

    /// What became of the connections.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        self.connections.clone()
    }
}

/// Sends what is queued, then closes the sockets.
impl Drop for PublishServer {
    fn drop(&mut self) {
        for door in &mut self.doors {
            door.groups = None;
            door.waker.wake();
        }
        for door in &mut self.doors {
            if let Some(thread) = door.thread.take() {
                drop(thread.join());
            }
        }
    }
}

struct PublishThread {
    socket: MonitoredSocket,
    connections: Connections,
    groups: Receiver<Arc<[Publication]>>,
    waker: Waker,
    patience: Patience,
}

impl PublishThread {
    fn run(mut self) {
        // Events that are queued in ZeroMQ still go out when the process ends in good order.
        self.socket.socket.set_linger(500).unwrap_or_default();
        if let Err(error) = self.serve() {
            tracing::error!(%error, "the publish socket failed");
        }
    }

    fn serve(&mut self) -> Result<(), zmq::Error> {
        self.set_nodrop(true)?;
        loop {
            self.waker.reset();
            loop {
                match self.groups.try_recv() {
                    Ok(group) => self.send(&group)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            self.connections.read_reports(&self.socket)?;
            let is_drained = self.read_subscriptions()?;
            self.connections.look(is_drained);
            let mut items = [
                self.waker.poll_item(),
                self.socket.monitor_item(),
                self.socket.socket.as_poll_item(zmq::POLLIN),
            ];
            poll(&mut items, if is_drained { self.connections.patience() } else { 0 })?;
        }
    }

    /// With `true` a send fails while any subscriber's queue is full; with `false` that
    /// subscriber loses the message.
    fn set_nodrop(&mut self, nodrop: bool) -> Result<(), zmq::Error> {
        set_option(&mut self.socket.socket, SocketOption::XpubNodrop, nodrop)
    }

    fn send(&mut self, group: &[Publication]) -> Result<(), zmq::Error> {
        for Publication { id, frame } in group {
            self.send_frame(id.as_bytes(), zmq::SNDMORE)?;
            self.send_frame(frame, 0)?;
        }
        Ok(())
    }

    /// Sends one frame, waiting for slow subscribers as long as there is patience with them.
    fn send_frame(&mut self, frame: &[u8], more: i32) -> Result<(), zmq::Error> {
        loop {
            match self.socket.socket.send(frame, zmq::DONTWAIT | more) {
                Ok(()) => {
                    if self.patience.has_returned(Instant::now()) {
                        self.set_nodrop(true)?;
                    }
                    return Ok(());
                }
                Err(zmq::Error::EINTR) => {}
                Err(zmq::Error::EAGAIN) => {
                    if self.patience.is_left(Instant::now()) {
                        std::thread::park_timeout(Duration::from_millis(1));
                    } else {
                        // Whoever is behind loses events from here on; nobody else does.
                        self.set_nodrop(false)?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// XPUB hands over each subscription and its end, and whatever else a subscriber sends. Says
    /// whether that was all. Of a connection that broke it reports the ends of its subscriptions
    /// itself, without a sender; the connection's end says as much.
    fn read_subscriptions(&mut self) -> Result<bool, zmq::Error> {
        for _ in 0..ROUND {
            let Some(mut message) = receive(&self.socket.socket, 1)? else { return Ok(true) };
            let sender = self.connections.sender_of(&mut message, &self.socket)?;
            if sender.is_none() {
                continue;
            }
            self.connections.heard(sender, message.bytes, message.user());
            self.connections.spoke(sender, message.count);
            match message.frames.first().and_then(|frame| frame.split_first()) {
                Some((1, topic)) => self.connections.subscribed(sender, topic),
                Some((0, topic)) => self.connections.unsubscribed(sender, topic),
                _ => {}
            }
        }
        Ok(false)
    }
}
