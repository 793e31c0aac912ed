//! ROUTER sockets behind channels: what submit and replay share.
//!
//! There is one socket for plain connections and one for encrypted ones, each with a thread; what
//! comes over either goes into the same channel. Messages come out in batches. While the consumer's channel is full the socket leaves the poll
//! set, so that TCP slows the senders down and nothing is dropped here. Sends never block: an
//! answer for a peer that is gone or does not read is dropped and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use crate::{
    Context, Endpoint, Listen, WireError,
    connections::{ConnectionCounters, Connections, Presence},
    listen::Door,
    socket::{MonitoredSocket, Reports, Settings, bind, poll, receive},
    wake::Waker,
};

/// The most messages that are handed on at once, and about how many bytes.
const MAX_BATCH: usize = 32;
const MAX_BATCH_BYTES: u64 = 2 << 20;
/// Batches that wait for the consumer. ZeroMQ reads its peers in turn, so that nobody stands behind
/// another's flood there; here everybody stands in one line, which therefore is short.
const QUEUED_BATCHES: usize = 2;
/// Groups of answers that wait for a socket.
const QUEUED_ANSWERS: usize = 16;

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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// The socket, of those that the server has.
    door: usize,
    name: Box<[u8]>,
}

/// A message as it came: who sent it and its first frames.
pub(crate) struct Incoming {
    pub(crate) peer: Peer,
    pub(crate) frames: Vec<zmq::Message>,
    /// Frames that the message had, those beyond `frames` included.
    pub(crate) frame_count: usize,
    /// Whether its sender is still there.
    pub(crate) presence: Presence,
}

/// An answer: to whom, and its frames.
pub(crate) struct Outgoing {
    pub(crate) peer: Peer,
    pub(crate) frames: Vec<Vec<u8>>,
}

pub(crate) struct Router {
    pub(crate) endpoints: Vec<Endpoint>,
    incoming: Receiver<Vec<Incoming>>,
    doors: Vec<DoorHandle>,
    phase: Arc<AtomicU8>,
    dropped: Arc<AtomicU64>,
    connections: Arc<ConnectionCounters>,
}

/// One socket's thread, from outside.
struct DoorHandle {
    outgoing: Sender<Vec<Outgoing>>,
    waker: Waker,
    /// The thread waits until the consumer has taken something.
    is_blocked: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Router {
    /// Binds the endpoints and starts the threads that own the sockets.
    pub(crate) fn bind(
        context: &Context,
        name: &str,
        listen: &Listen,
        settings: &Settings,
        max_frames: usize,
    ) -> Result<Self, WireError> {
        let (to_consumer, incoming) = bounded(QUEUED_BATCHES);
        let mut router = Self {
            endpoints: Vec::new(),
            incoming,
            doors: Vec::new(),
            phase: Arc::new(AtomicU8::new(READING)),
            dropped: Arc::default(),
            connections: Arc::default(),
        };
        for door in listen.doors()? {
            router.open(context, name, &door, listen, settings, max_frames, &to_consumer)?;
        }
        Ok(router)
    }

    #[expect(clippy::too_many_arguments, reason = "they are what the one caller was given")]
    fn open(
        &mut self,
        context: &Context,
        name: &str,
        door: &Door<'_>,
        listen: &Listen,
        settings: &Settings,
        max_frames: usize,
        to_consumer: &Sender<Vec<Incoming>>,
    ) -> Result<(), WireError> {
        let mut socket = context.monitored(settings, Reports::Server)?;
        if let Some(gate) = door.gate {
            gate.guard(&mut socket.socket)?;
        }
        self.endpoints.extend(bind(&socket.socket, door.endpoints)?);
        let waker = Waker::new().map_err(WireError::Thread)?;
        let (outgoing, from_consumer) = bounded(QUEUED_ANSWERS);
        let is_blocked = Arc::new(AtomicBool::new(false));
        let thread = RouterThread {
            socket,
            door: self.doors.len(),
            connections: Connections::new(
                listen.limits,
                settings.max_message_bytes,
                door.gate.map(|gate| gate.clients().clone()),
                self.connections.clone(),
            ),
            max_frames,
            to_consumer: to_consumer.clone(),
            from_consumer,
            waiting: None,
            is_blocked: is_blocked.clone(),
            waker: waker.clone(),
            phase: self.phase.clone(),
            dropped: self.dropped.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(door.thread_name(name))
            .spawn(move || thread.run())
            .map_err(WireError::Thread)?;
        self.doors.push(DoorHandle { outgoing, waker, is_blocked, thread: Some(thread) });
        Ok(())
    }

    /// The next messages; without `patience` it waits for as long as it takes.
    pub(crate) fn next(&self, patience: Option<Duration>) -> Next<Vec<Incoming>> {
        let batch = match patience {
            None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.incoming.recv_timeout(patience),
        };
        for door in &self.doors {
            if door.is_blocked.swap(false, Ordering::SeqCst) {
                door.waker.wake();
            }
        }
        match batch {
            Ok(batch) => Next::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Next::Quiet,
            Err(RecvTimeoutError::Disconnected) => Next::Closed,
        }
    }

    /// Ends the sockets' threads once the answers that are queued are sent, whether what was read
    /// is taken or not.
    pub(crate) fn end(&self) {
        self.phase.store(ENDING, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        self.doors.iter().for_each(|door| door.waker.wake());
    }

    pub(crate) fn sender(&self) -> RouterSender {
        let doors = self.doors.iter().map(|door| (door.outgoing.clone(), door.waker.clone()));
        RouterSender { doors: doors.collect() }
    }

    /// What became of the connections, so far.
    pub(crate) fn connections(&self) -> Arc<ConnectionCounters> {
        self.connections.clone()
    }

    /// Answers that could not be sent, so far.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Stops reading from the sockets; what was read is still handed out, and answers are sent
    /// until the router is dropped.
    pub(crate) fn close(&self) -> Closer {
        let wakers = self.doors.iter().map(|door| door.waker.clone()).collect();
        Closer { phase: self.phase.clone(), wakers }
    }
}

/// Sends the answers that are queued, then closes the sockets.
impl Drop for Router {
    fn drop(&mut self) {
        self.end();
        for door in &mut self.doors {
            if let Some(thread) = door.thread.take() {
                drop(thread.join());
            }
        }
    }
}

/// Ends the reading side of a router.
#[derive(Clone)]
pub struct Closer {
    phase: Arc<AtomicU8>,
    wakers: Vec<Waker>,
}

impl Closer {
    /// Stops taking messages.
    pub fn close(&self) {
        self.phase.fetch_max(CLOSED, Ordering::AcqRel);
        self.wakers.iter().for_each(Waker::wake);
    }
}

/// Sends answers from any thread.
#[derive(Clone)]
pub(crate) struct RouterSender {
    doors: Vec<(Sender<Vec<Outgoing>>, Waker)>,
}

impl RouterSender {
    /// Hands answers to the sockets' threads; waits while a queue is full.
    pub(crate) fn send(&self, mut answers: Vec<Outgoing>) {
        for (number, (outgoing, waker)) in self.doors.iter().enumerate() {
            let (own, others) = answers.into_iter().partition(|answer| answer.peer.door == number);
            answers = others;
            let own: Vec<Outgoing> = own;
            if !own.is_empty() && outgoing.send(own).is_ok() {
                waker.wake();
            }
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

/// What a look at the socket came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadOutcome {
    /// Nothing had come.
    Nothing,
    /// All that had come was read.
    All,
    /// There may be more.
    More,
}

struct RouterThread {
    socket: MonitoredSocket,
    /// Which of the server's sockets it is.
    door: usize,
    connections: Connections,
    max_frames: usize,
    to_consumer: Sender<Vec<Incoming>>,
    from_consumer: Receiver<Vec<Outgoing>>,
    /// A batch that did not fit into the consumer's channel.
    waiting: Option<Vec<Incoming>>,
    is_blocked: Arc<AtomicBool>,
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
                return self.socket.socket.set_linger(500);
            }
            if phase == CLOSED && reading == Reading::Open {
                reading = Reading::Draining { until: Instant::now() + DRAIN };
            }
            self.connections.read_reports(&self.socket)?;
            let mut may_have_more = false;
            if reading != Reading::Over {
                let outcome = self.read()?;
                may_have_more = outcome == ReadOutcome::More && self.waiting.is_none();
                self.connections.look(outcome != ReadOutcome::More);
                if reading.is_drained(outcome == ReadOutcome::Nothing) {
                    reading = Reading::Over;
                    // The consumer sees the end once it has taken what was read.
                    self.to_consumer = bounded(0).0;
                }
            }
            if !may_have_more {
                self.sleep(reading)?;
            }
        }
    }

    fn sleep(&self, reading: Reading) -> Result<(), zmq::Error> {
        let wake = self.waker.poll_item();
        let reports = self.socket.monitor_item();
        let patience = self.connections.patience();
        match reading {
            Reading::Over => poll(&mut [wake, reports], -1)?,
            _ if self.waiting.is_some() => poll(&mut [wake, reports], patience)?,
            Reading::Open => {
                let messages = self.socket.socket.as_poll_item(zmq::POLLIN);
                poll(&mut [wake, reports, messages], patience)?;
            }
            Reading::Draining { .. } => {}
        }
        self.waker.reset();
        Ok(())
    }

    /// Hands on what is there.
    fn read(&mut self) -> Result<ReadOutcome, zmq::Error> {
        let (batch, outcome) = match self.waiting.take() {
            Some(batch) => (batch, ReadOutcome::More),
            None => self.read_batch()?,
        };
        if batch.is_empty() {
            return Ok(outcome);
        }
        let Err(TrySendError::Full(batch)) = self.to_consumer.try_send(batch) else {
            return Ok(outcome);
        };
        // Said first, and tried again: the consumer may have taken something in between.
        self.is_blocked.store(true, Ordering::SeqCst);
        if let Err(TrySendError::Full(batch)) = self.to_consumer.try_send(batch) {
            self.waiting = Some(batch);
        }
        Ok(outcome)
    }

    fn read_batch(&mut self) -> Result<(Vec<Incoming>, ReadOutcome), zmq::Error> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
            let Some(mut message) = receive(&self.socket.socket, self.max_frames + 1)? else {
                let outcome = if bytes == 0 { ReadOutcome::Nothing } else { ReadOutcome::All };
                return Ok((batch, outcome));
            };
            let bytes_of_message = message.bytes;
            bytes += bytes_of_message;
            let descriptor = self.connections.sender_of(&mut message, &self.socket)?;
            let user = if self.connections.wants_users() { message.user() } else { None };
            if !self.connections.heard(descriptor, bytes_of_message, user) {
                continue;
            }
            let peer = Peer { door: self.door, name: message.frames.remove(0).to_vec().into() };
            let frame_count = message.count - 1;
            let presence = self.connections.presence(descriptor);
            batch.push(Incoming { peer, frames: message.frames, frame_count, presence });
        }
        Ok((batch, ReadOutcome::More))
    }

    fn send_answers(&self) {
        while let Ok(answers) = self.from_consumer.try_recv() {
            for answer in answers {
                self.send_answer(answer);
            }
        }
    }

    fn send_answer(&self, answer: Outgoing) {
        let frames = std::iter::once(zmq::Message::from(answer.peer.name.into_vec()))
            .chain(answer.frames.into_iter().map(zmq::Message::from));
        if let Err(error) = self.socket.socket.send_multipart(frames, zmq::DONTWAIT) {
            tracing::debug!(%error, "an answer was dropped: its peer is gone or does not read");
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
