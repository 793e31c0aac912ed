//! A ROUTER socket behind two channels: what submit and replay share.
//!
//! Messages come out in batches. While the consumer's channel is full the socket leaves the poll
//! set, so that TCP slows the senders down and nothing is dropped here. Sends never block: an
//! answer for a peer that is gone or does not read is dropped and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::{
    Context, Endpoint, WireError,
    socket::{Settings, bind, poll, receive},
    wake::Waker,
};

/// The most messages that are handed on at once.
const MAX_BATCH: usize = 256;
/// Batches that wait for the consumer, and groups of answers that wait for the socket.
const QUEUED_BATCHES: usize = 16;

/// The longest that a closed router goes on reading what has arrived.
const DRAIN: Duration = Duration::from_secs(2);

/// The phases of a router, in this order.
const READING: u8 = 0;
/// Nothing is read any more; answers are still sent.
const CLOSED: u8 = 1;
/// The last answers are sent and the thread ends.
const ENDING: u8 = 2;

/// What waiting for messages came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<T> {
    /// These came.
    Batch(T),
    /// Nothing came for as long as the caller wanted to wait.
    Quiet,
    /// The server is closed, and everything was handed out.
    Closed,
}

/// The connection that a message came over, as ZeroMQ names it. Peers may choose the name, so
/// it is good for answering and for nothing else.
pub type Peer = Box<[u8]>;

/// A message as it came: who sent it and its first frames.
pub(crate) struct Incoming {
    pub(crate) peer: Peer,
    pub(crate) frames: Vec<zmq::Message>,
    /// Frames that the message had, those beyond `frames` included.
    pub(crate) frame_count: usize,
}

/// An answer: to whom, and its frames.
pub(crate) struct Outgoing {
    pub(crate) peer: Peer,
    pub(crate) frames: Vec<Vec<u8>>,
}

pub(crate) struct Router {
    pub(crate) endpoints: Vec<Endpoint>,
    incoming: Receiver<Vec<Incoming>>,
    outgoing: Sender<Vec<Outgoing>>,
    waker: Waker,
    phase: Arc<AtomicU8>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Router {
    /// Binds the endpoints and starts the thread that owns the socket.
    pub(crate) fn bind(
        context: &Context,
        name: &str,
        endpoints: &[Endpoint],
        settings: &Settings,
        max_frames: usize,
    ) -> Result<Self, WireError> {
        let socket = context.socket(settings)?;
        let endpoints = bind(&socket, endpoints)?;
        let waker = Waker::new().map_err(WireError::Thread)?;
        let (to_consumer, incoming) = bounded(QUEUED_BATCHES);
        let (outgoing, from_consumer) = bounded(QUEUED_BATCHES);
        let phase = Arc::new(AtomicU8::new(READING));
        let dropped = Arc::new(AtomicU64::new(0));
        let thread = RouterThread {
            socket,
            max_frames,
            to_consumer,
            from_consumer,
            waiting: None,
            waker: waker.clone(),
            phase: phase.clone(),
            dropped: dropped.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || thread.run())
            .map_err(WireError::Thread)?;
        Ok(Self { endpoints, incoming, outgoing, waker, phase, dropped, thread: Some(thread) })
    }

    /// The next messages; without `patience` it waits for as long as it takes.
    pub(crate) fn next(&self, patience: Option<Duration>) -> Next<Vec<Incoming>> {
        let batch = match patience {
            None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.incoming.recv_timeout(patience),
        };
        self.waker.wake();
        match batch {
            Ok(batch) => Next::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Next::Quiet,
            Err(RecvTimeoutError::Disconnected) => Next::Closed,
        }
    }

    pub(crate) fn sender(&self) -> RouterSender {
        RouterSender { outgoing: self.outgoing.clone(), waker: self.waker.clone() }
    }

    /// Answers that could not be sent, so far.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Stops reading from the socket; what was read is still handed out, and answers are sent
    /// until the router is dropped.
    pub(crate) fn close(&self) -> Closer {
        Closer { phase: self.phase.clone(), waker: self.waker.clone() }
    }
}

/// Sends the answers that are queued, then closes the socket.
impl Drop for Router {
    fn drop(&mut self) {
        self.phase.store(ENDING, Ordering::Release);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Ends the reading side of a router.
#[derive(Clone)]
pub struct Closer {
    phase: Arc<AtomicU8>,
    waker: Waker,
}

impl Closer {
    /// Stops taking messages.
    pub fn close(&self) {
        self.phase.fetch_max(CLOSED, Ordering::AcqRel);
        self.waker.wake();
    }
}

/// Sends answers from any thread.
#[derive(Clone)]
pub(crate) struct RouterSender {
    outgoing: Sender<Vec<Outgoing>>,
    waker: Waker,
}

impl RouterSender {
    /// Hands answers to the socket's thread; waits while its queue is full.
    pub(crate) fn send(&self, answers: Vec<Outgoing>) {
        if !answers.is_empty() && self.outgoing.send(answers).is_ok() {
            self.waker.wake();
        }
    }
}

/// Whether the socket is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// What has arrived is still read: its senders may not wait for an answer.
    Draining {
        /// Senders that never pause do not hold up the end.
        until: Instant,
    },
    Over,
}

impl Reading {
    fn is_drained(self, is_quiet: bool) -> bool {
        match self {
            Self::Open => false,
            Self::Draining { until } => is_quiet || Instant::now() >= until,
            Self::Over => true,
        }
    }
}

struct RouterThread {
    socket: zmq::Socket,
    max_frames: usize,
    to_consumer: Sender<Vec<Incoming>>,
    from_consumer: Receiver<Vec<Outgoing>>,
    /// A batch that did not fit into the consumer's channel.
    waiting: Option<Vec<Incoming>>,
    waker: Waker,
    phase: Arc<AtomicU8>,
    dropped: Arc<AtomicU64>,
}

impl RouterThread {
    fn run(mut self) {
        if let Err(error) = self.serve() {
            tracing::error!(%error, "a ZeroMQ socket failed");
        }
    }

    fn serve(&mut self) -> Result<(), zmq::Error> {
        let mut reading = Reading::Open;
        loop {
            let phase = self.phase.load(Ordering::Acquire);
            self.send_answers();
            if phase == ENDING {
                // The last answers get a moment to leave.
                return self.socket.set_linger(500);
            }
            if phase == CLOSED && reading == Reading::Open {
                reading = Reading::Draining { until: Instant::now() + DRAIN };
            }
            if reading != Reading::Over {
                let was_quiet = self.read()?;
                if reading.is_drained(was_quiet && self.waiting.is_none()) {
                    reading = Reading::Over;
                    // The consumer sees the end once it has taken what was read.
                    self.to_consumer = bounded(0).0;
                }
            }
            self.sleep(reading)?;
        }
    }

    fn sleep(&self, reading: Reading) -> Result<(), zmq::Error> {
        let wake = self.waker.poll_item();
        match reading {
            Reading::Over => poll(&mut [wake], -1)?,
            _ if self.waiting.is_some() => poll(&mut [wake], -1)?,
            Reading::Open => poll(&mut [wake, self.socket.as_poll_item(zmq::POLLIN)], -1)?,
            Reading::Draining { .. } => {}
        }
        self.waker.reset();
        Ok(())
    }

    /// Hands on what is there; says whether nothing was.
    fn read(&mut self) -> Result<bool, zmq::Error> {
        let batch = match self.waiting.take() {
            Some(batch) => batch,
            None => self.read_batch()?,
        };
        if batch.is_empty() {
            return Ok(true);
        }
        match self.to_consumer.try_send(batch) {
            // There may be more where this came from, and a poll looks at the socket anyway.
            Ok(()) | Err(TrySendError::Disconnected(_)) => self.waker.wake(),
            Err(TrySendError::Full(batch)) => self.waiting = Some(batch),
        }
        Ok(false)
    }

    fn read_batch(&self) -> Result<Vec<Incoming>, zmq::Error> {
        let mut batch = Vec::new();
        while batch.len() < MAX_BATCH {
            let Some((mut frames, count)) = receive(&self.socket, self.max_frames + 1)? else {
                break;
            };
            let peer = frames.remove(0).to_vec().into();
            batch.push(Incoming { peer, frames, frame_count: count - 1 });
        }
        Ok(batch)
    }

    fn send_answers(&self) {
        while let Ok(answers) = self.from_consumer.try_recv() {
            for answer in answers {
                self.send_answer(answer);
            }
        }
    }

    fn send_answer(&self, answer: Outgoing) {
        let frames = std::iter::once(zmq::Message::from(answer.peer.into_vec()))
            .chain(answer.frames.into_iter().map(zmq::Message::from));
        if let Err(error) = self.socket.send_multipart(frames, zmq::DONTWAIT) {
            tracing::debug!(%error, "an answer was dropped: its peer is gone or does not read");
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
