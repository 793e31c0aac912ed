//! The XPUB socket and the thread that owns it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::patience::Patience;
use crate::{
    Context, Endpoint, WireError,
    socket::{Settings, XpubSocket as _, bind, poll, receive},
    wake::Waker,
};

/// Events that wait for one slow subscriber. ZeroMQ keeps 128 bytes for each beside the event
/// itself, so 200 subscribers that all fall behind cost 50 MB; they find what they lost by `prev`.
const SUBSCRIBER_QUEUE: i32 = 2_500;
/// Groups that wait for the socket's thread, which never waits for a subscriber.
const QUEUED_GROUPS: usize = 64;

/// One event on its way out: the two frames of section 3.
pub struct Publication {
    /// The event's id.
    pub id: String,
    /// The event in canonical form.
    pub frame: Arc<[u8]>,
}

/// Publishes on one XPUB socket.
///
/// In a burst it waits for its subscribers a little, since those of the older kind cannot ask for
/// what they missed. One that does not read at all soon loses events, so that it harms nobody
/// else, and finds out from `prev`.
pub struct PublishServer {
    endpoints: Vec<Endpoint>,
    groups: Option<Sender<Vec<Publication>>>,
    waker: Waker,
    subscriptions: Arc<AtomicI64>,
    thread: Option<JoinHandle<()>>,
}

impl PublishServer {
    /// Binds the endpoints.
    pub fn bind(context: &Context, endpoints: &[Endpoint]) -> Result<Self, WireError> {
        let socket = context.socket(&Settings {
            kind: zmq::XPUB,
            max_message_bytes: 64 << 10,
            receive_queue: 1_000,
            send_queue: SUBSCRIBER_QUEUE,
        })?;
        let endpoints = bind(&socket, endpoints)?;
        let waker = Waker::new().map_err(WireError::Thread)?;
        let (groups, receiver) = bounded(QUEUED_GROUPS);
        let subscriptions = Arc::new(AtomicI64::new(0));
        let thread = PublishThread {
            socket,
            groups: receiver,
            waker: waker.clone(),
            subscriptions: subscriptions.clone(),
            patience: Patience::default(),
        };
        let thread = std::thread::Builder::new()
            .name("publish".to_owned())
            .spawn(move || thread.run())
            .map_err(WireError::Thread)?;
        Ok(Self { endpoints, groups: Some(groups), waker, subscriptions, thread: Some(thread) })
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Sends events to everybody who subscribed to their ids, in this order.
    pub fn publish(&self, group: Vec<Publication>) {
        if let Some(groups) = &self.groups
            && groups.send(group).is_ok()
        {
            self.waker.wake();
        }
    }

    /// Distinct subscriptions at present.
    pub fn subscriptions(&self) -> Arc<AtomicI64> {
        self.subscriptions.clone()
    }
}

/// Sends what is queued, then closes the socket.
impl Drop for PublishServer {
    fn drop(&mut self) {
        self.groups = None;
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct PublishThread {
    socket: zmq::Socket,
    groups: Receiver<Vec<Publication>>,
    waker: Waker,
    subscriptions: Arc<AtomicI64>,
    patience: Patience,
}

impl PublishThread {
    fn run(mut self) {
        // Events that are queued in ZeroMQ still go out when the process ends in good order.
        self.socket.set_linger(500).unwrap_or_default();
        if let Err(error) = self.serve() {
            tracing::error!(%error, "the publish socket failed");
        }
    }

    fn serve(&mut self) -> Result<(), zmq::Error> {
        self.socket.set_xpub_nodrop(true)?;
        loop {
            self.waker.reset();
            loop {
                match self.groups.try_recv() {
                    Ok(group) => self.send(group)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            self.read_subscriptions()?;
            poll(&mut [self.waker.poll_item(), self.socket.as_poll_item(zmq::POLLIN)], -1)?;
        }
    }

    fn send(&mut self, group: Vec<Publication>) -> Result<(), zmq::Error> {
        for Publication { id, frame } in group {
            self.send_frame(id.as_bytes(), zmq::SNDMORE)?;
            self.send_frame(&frame, 0)?;
        }
        Ok(())
    }

    /// Sends one frame, waiting for slow subscribers as long as there is patience with them.
    fn send_frame(&mut self, frame: &[u8], more: i32) -> Result<(), zmq::Error> {
        loop {
            match self.socket.send(frame, zmq::DONTWAIT | more) {
                Ok(()) => {
                    if self.patience.has_returned(Instant::now()) {
                        self.socket.set_xpub_nodrop(true)?;
                    }
                    return Ok(());
                }
                Err(zmq::Error::EINTR) => {}
                Err(zmq::Error::EAGAIN) => {
                    if self.patience.is_left(Instant::now()) {
                        std::thread::park_timeout(Duration::from_millis(1));
                    } else {
                        // Whoever is behind loses events from here on; nobody else does.
                        self.socket.set_xpub_nodrop(false)?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// XPUB hands over the first subscription to a prefix and the last unsubscription from it.
    fn read_subscriptions(&self) -> Result<(), zmq::Error> {
        while let Some((frames, _)) = receive(&self.socket, 1)? {
            let change = match frames.first().and_then(|frame| frame.first()) {
                Some(1) => 1,
                Some(0) => -1,
                _ => 0,
            };
            self.subscriptions.fetch_add(change, Ordering::Relaxed);
        }
        Ok(())
    }
}
