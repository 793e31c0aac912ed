//! The relay's side of submit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    Closer, Next, Peer, Reply, ReplyTo,
    frames::{Form, read_form},
};
use crate::{
    Context, Endpoint, Listen, WireError,
    connections::ConnectionCounters,
    router::{Incoming, Outgoing, Router, RouterSender},
    socket::{Keepalive, Settings},
};

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

/// Receives submissions on one ROUTER socket.
pub struct SubmitServer {
    router: Router,
    malformed: Arc<AtomicU64>,
}

impl SubmitServer {
    /// Binds the endpoints. Events of up to twice `max_event_bytes` arrive, so that they can be
    /// answered; longer ones cut the connection.
    pub fn bind(
        context: &Context,
        listen: &Listen,
        max_event_bytes: usize,
    ) -> Result<Self, WireError> {
        let settings = Settings {
            kind: zmq::ROUTER,
            max_message_bytes: i64::try_from(max_event_bytes.saturating_mul(2)).unwrap_or(i64::MAX),
            // Of each connection; what waits in them is bounded in bytes too (connections.rs).
            receive_queue: 250,
            keepalive: Keepalive::SERVER,
            send_queue: 10_000,
        };
        let router = Router::bind(context, "submit", listen, &settings, 2)?;
        Ok(Self { router, malformed: Arc::default() })
    }

    /// What became of the connections.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        self.router.connections()
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.router.endpoints
    }

    /// The next submissions, perhaps none where all that came was malformed; without
    /// `patience` it waits for as long as it takes.
    pub fn next(&self, patience: Option<Duration>) -> Next<Vec<Submission>> {
        match self.router.next(patience) {
            Next::Batch(batch) => {
                Next::Batch(batch.into_iter().filter_map(|incoming| self.read(incoming)).collect())
            }
            Next::Quiet => Next::Quiet,
            Next::Closed => Next::Closed,
        }
    }

    fn read(&self, Incoming { peer, frames, frame_count, .. }: Incoming) -> Option<Submission> {
        let frames: Vec<&[u8]> = frames.iter().map(|frame| &frame[..]).collect();
        match read_form(&frames, frame_count) {
            Form::OneWay(event) => Some(Submission { event: event.to_vec(), peer, reply_to: None }),
            Form::Request { event, envelope } => {
                let reply_to = Some(ReplyTo { peer: peer.clone(), envelope: envelope.to_vec() });
                Some(Submission { event: event.to_vec(), peer, reply_to })
            }
            Form::Malformed => {
                self.malformed.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Sends replies from any thread.
    pub fn replies(&self) -> ReplySender {
        ReplySender(self.router.sender())
    }

    /// Ends the receiving side; replies are still sent.
    pub fn closer(&self) -> Closer {
        self.router.close()
    }

    /// Counts messages of a form that is no submission.
    pub fn malformed(&self) -> Arc<AtomicU64> {
        self.malformed.clone()
    }

    /// Counts replies that could not be sent.
    pub fn dropped_replies(&self) -> Arc<AtomicU64> {
        self.router.dropped()
    }
}

/// Sends replies to submissions.
#[derive(Clone)]
pub struct ReplySender(RouterSender);

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
