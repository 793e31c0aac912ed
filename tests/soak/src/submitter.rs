//! A raw DEALER connection: every submission has a request id, and every reply is accounted for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use laniakea_wire::submit::Reply;

/// Far longer than a reply should take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long one waits for replies that should not come.
const AFTERMATH: Duration = Duration::from_millis(200);

/// Submits events; `T` is what the caller wants to know of each when its reply comes.
pub(crate) struct Submitter<T> {
    context: zmq::Context,
    endpoint: String,
    socket: zmq::Socket,
    waiting: BTreeMap<u64, Waiting<T>>,
    next_id: u64,
    surplus: u64,
}

struct Waiting<T> {
    event: Vec<u8>,
    about: T,
    sent: Instant,
}

/// A reply, with what it is the reply to.
pub(crate) struct Answer<T> {
    pub(crate) event: Vec<u8>,
    pub(crate) about: T,
    pub(crate) reply: Reply,
    pub(crate) took: Duration,
}

impl<T> Submitter<T> {
    pub(crate) fn connect(endpoint: &str) -> Self {
        let context = zmq::Context::new();
        let socket = open(&context, endpoint);
        Self {
            context,
            endpoint: endpoint.to_owned(),
            socket,
            waiting: BTreeMap::new(),
            next_id: 0,
            surplus: 0,
        }
    }

    /// Sends an event, which must not be empty: a first frame without bytes is a REQ envelope.
    pub(crate) fn send(&mut self, event: Vec<u8>, about: T) {
        assert!(!event.is_empty());
        let id = self.next_id;
        self.next_id += 1;
        self.socket.send_multipart([&event[..], &id.to_be_bytes()], 0).unwrap();
        self.waiting.insert(id, Waiting { event, about, sent: Instant::now() });
    }

    /// The next reply, if one comes in time.
    pub(crate) fn receive(&mut self, patience: Duration) -> Option<Answer<T>> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
            if self.socket.poll(zmq::POLLIN, left).unwrap() == 0 {
                return None;
            }
            let frames = self.socket.recv_multipart(0).unwrap();
            if let Some(answer) = self.read(&frames) {
                return Some(answer);
            }
            self.surplus += 1;
        }
    }

    /// A second reply, or one that is none, is surplus.
    fn read(&mut self, frames: &[Vec<u8>]) -> Option<Answer<T>> {
        let [id, reply] = frames else { return None };
        let id = u64::from_be_bytes(id[..].try_into().ok()?);
        let reply = serde_json::from_slice(reply).ok()?;
        let Waiting { event, about, sent } = self.waiting.remove(&id)?;
        Some(Answer { event, about, reply, took: sent.elapsed() })
    }

    /// Submits everything, with at most `window` unanswered at a time, and waits for the replies.
    pub(crate) fn submit_all(
        &mut self,
        inputs: impl IntoIterator<Item = (Vec<u8>, T)>,
        window: usize,
        mut on_answer: impl FnMut(Answer<T>),
    ) {
        for (event, about) in inputs {
            self.send(event, about);
            while self.waiting.len() >= window {
                let Some(answer) = self.receive(PATIENCE) else { return };
                on_answer(answer);
            }
        }
        while !self.waiting.is_empty() {
            let Some(answer) = self.receive(PATIENCE) else { return };
            on_answer(answer);
        }
    }

    /// Submits one event and waits for its reply.
    pub(crate) fn submit(&mut self, event: Vec<u8>, about: T) -> Answer<T> {
        self.send(event, about);
        self.receive(PATIENCE).expect("a reply")
    }

    /// How many wait for a reply.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Connects anew and sends again what has no reply, as a source does after a restart.
    pub(crate) fn start_over(&mut self) {
        self.socket = open(&self.context, &self.endpoint);
        for (id, waiting) in &mut self.waiting {
            self.socket.send_multipart([&waiting.event[..], &id.to_be_bytes()], 0).unwrap();
            waiting.sent = Instant::now();
        }
    }

    /// Replies that were not asked for, those that are still to come included.
    pub(crate) fn surplus(&mut self) -> u64 {
        while self.receive(AFTERMATH).is_some() {}
        self.surplus
    }
}

fn open(context: &zmq::Context, endpoint: &str) -> zmq::Socket {
    let socket = context.socket(zmq::DEALER).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_sndhwm(0).unwrap();
    socket.set_rcvhwm(0).unwrap();
    socket.set_reconnect_ivl(20).unwrap();
    socket.connect(endpoint).unwrap();
    socket
}
