//! The relay's side of submit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use laniakea_zmtp::{Limits, Role};

use super::{Closer, Next, Peer, Reply, ReplyTo, intake::Intake};
use crate::{
    Endpoint, Listen, WireError,
    router::{AnswerQueue, Answers, Outgoing},
    server::{BoundServer, ConnectionCounters, Server, Settings},
};

/// Batches that wait for the consumer. Peers are read in turns, so that nobody stands behind
/// another's flood there; here everybody stands in one line, which therefore is short.
const QUEUED_BATCHES: usize = 2;
/// Bytes of replies that wait for one peer, and for all.
const MAX_REPLIES: usize = 2 << 20;
const MAX_ALL_REPLIES: usize = 64 << 20;
/// Frames of a message; what has more than two is malformed.
const MAX_FRAMES: usize = 1_000;
/// What a message may have beside its event: a request id.
const ENVELOPE_BYTES: usize = 1 << 10;

/// One event that somebody sent.
#[derive(Debug)]
pub struct Submission {
    /// The event's bytes, of which nothing is known.
    pub event: Vec<u8>,
    /// The connection that it came over.
    pub peer: Peer,
    /// Where a reply goes, if one is wanted.
    pub reply_to: Option<ReplyTo>,
}

/// Receives submissions.
pub struct SubmitServer {
    // Before the server: its thread must not wait for a consumer that is gone.
    incoming: Receiver<Vec<Submission>>,
    server: Server,
    replies: AnswerQueue,
    /// The server's thread waits until something was taken.
    is_blocked: Arc<AtomicBool>,
    malformed: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

impl SubmitServer {
    /// Binds the endpoints. Events of up to twice `max_event_bytes` arrive, so that they can be
    /// answered; longer ones cut the connection.
    pub fn bind(listen: &Listen, max_event_bytes: usize) -> Result<Self, WireError> {
        let max_frame_bytes = max_event_bytes.saturating_mul(2);
        let max_bytes = max_frame_bytes.saturating_add(ENVELOPE_BYTES);
        let settings = Settings {
            name: "submit",
            role: Role::Router,
            messages: Limits::of_messages(max_bytes, MAX_FRAMES),
            max_unsent: MAX_ALL_REPLIES,
        };
        let bound = BoundServer::bind(listen, &settings)?;
        let (replies, answers) = Answers::new(bound.control.clone(), MAX_REPLIES);
        let dropped = answers.dropped.clone();
        let (to_consumer, incoming) = bounded(QUEUED_BATCHES);
        let intake = Intake::new(to_consumer, answers, max_frame_bytes);
        let (is_blocked, malformed) = (intake.is_blocked.clone(), intake.malformed.clone());
        let server = bound.start(intake)?;
        Ok(Self { incoming, server, replies, is_blocked, malformed, dropped })
    }

    /// What became of the connections.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        self.server.counters.clone()
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.server.endpoints
    }

    /// The next submissions; without `patience` it waits for as long as it takes.
    pub fn next(&self, patience: Option<Duration>) -> Next<Vec<Submission>> {
        let batch = match patience {
            None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.incoming.recv_timeout(patience),
        };
        if self.is_blocked.swap(false, Ordering::SeqCst) {
            self.server.control.wake();
        }
        match batch {
            Ok(batch) => Next::Batch(batch),
            Err(RecvTimeoutError::Timeout) => Next::Quiet,
            Err(RecvTimeoutError::Disconnected) => Next::Closed,
        }
    }

    /// Sends replies from any thread.
    pub fn replies(&self) -> ReplySender {
        ReplySender(self.replies.clone())
    }

    /// Ends the receiving side; replies are still sent.
    pub fn closer(&self) -> Closer {
        Closer::new(self.server.control.clone())
    }

    /// Counts messages of a form that is no submission.
    pub fn malformed(&self) -> Arc<AtomicU64> {
        self.malformed.clone()
    }

    /// Counts replies that could not be sent.
    pub fn dropped_replies(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }
}

/// Sends replies to submissions.
#[derive(Clone)]
pub struct ReplySender(AnswerQueue);

impl ReplySender {
    /// Sends each reply behind its envelope; a peer that is gone loses its own.
    pub fn send(&self, replies: impl IntoIterator<Item = (ReplyTo, Reply)>) {
        let answer = |(to, reply): (ReplyTo, Reply)| Outgoing {
            peer: to.peer,
            frames: vec![to.envelope, reply.to_json()],
        };
        self.0.send(replies.into_iter().map(answer).collect());
    }
}
