//! The relay's side of replay.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use super::{Closer, Failure, FailureReason, Header, Request};
use crate::{
    Context, Endpoint, Listen, WireError,
    connections::ConnectionCounters,
    router::{Incoming, Next, Outgoing, Peer, Router, RouterSender},
    socket::{Keepalive, Settings},
};

const MAX_REQUEST_ID_BYTES: usize = 64;

/// A well-formed request; it is answered exactly once.
#[derive(Debug)]
pub struct ReplayRequest {
    /// What is asked for.
    pub request: Request,
    reply_to: ReplyTo,
}

#[derive(Debug, Clone)]
struct ReplyTo {
    peer: Peer,
    /// The frames before the header: the request id, and the empty frame of a REQ socket.
    envelope: Vec<Vec<u8>>,
}

/// Receives replay requests on one ROUTER socket, one at a time from each peer.
pub struct ReplayServer {
    router: Router,
    answers: AnswerSender,
}

impl ReplayServer {
    /// Binds the endpoints.
    pub fn bind(context: &Context, listen: &Listen) -> Result<Self, WireError> {
        let settings = Settings {
            kind: zmq::ROUTER,
            max_message_bytes: 128 << 10,
            receive_queue: 1_000,
            // Pages are large: a peer that does not read them gets no more than these.
            send_queue: 4,
            keepalive: Keepalive::SERVER,
        };
        let router = Router::bind(context, "replay", listen, &settings, 3)?;
        let answers = AnswerSender { router: router.sender(), busy: Arc::default() };
        Ok(Self { router, answers })
    }

    /// What became of the connections.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        self.router.connections()
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.router.endpoints
    }

    /// The next requests; malformed ones and those of busy peers were answered already. `None`
    /// once the server is closed and drained.
    pub fn next(&self) -> Option<Vec<ReplayRequest>> {
        match self.router.next(None) {
            Next::Batch(batch) => {
                Some(batch.into_iter().filter_map(|incoming| self.read(incoming)).collect())
            }
            Next::Quiet | Next::Closed => None,
        }
    }

    fn read(&self, Incoming { peer, frames, frame_count }: Incoming) -> Option<ReplayRequest> {
        let (envelope, request) = match (&frames[..], frame_count) {
            ([id, request], 2) => (vec![id.to_vec()], request),
            ([empty, id, request], 3) if empty.is_empty() => {
                (vec![Vec::new(), id.to_vec()], request)
            }
            // There is no envelope to answer in.
            _ => return None,
        };
        if envelope.iter().any(|id| id.len() > MAX_REQUEST_ID_BYTES) {
            return None;
        }
        let reply_to = ReplyTo { peer, envelope };
        let outcome = Request::parse(request).and_then(|request| {
            if self.answers.begin(&reply_to.peer) {
                return Ok(request);
            }
            Err(Failure::new(FailureReason::Busy, "one request at a time: wait for the answer"))
        });
        match outcome {
            Ok(request) => Some(ReplayRequest { request, reply_to }),
            Err(failure) => {
                self.answers.send(&reply_to, &failure, Vec::new());
                None
            }
        }
    }

    /// Sends answers from any thread.
    pub fn answers(&self) -> AnswerSender {
        self.answers.clone()
    }

    /// Ends the receiving side; answers are still sent.
    pub fn closer(&self) -> Closer {
        self.router.close()
    }

    /// Counts answers that could not be sent.
    pub fn dropped_answers(&self) -> Arc<AtomicU64> {
        self.router.dropped()
    }
}

/// Sends answers to replay requests.
#[derive(Clone)]
pub struct AnswerSender {
    router: RouterSender,
    /// Peers whose request is being served; guarded against the threads that serve.
    busy: Arc<Mutex<BTreeSet<Peer>>>,
}

impl AnswerSender {
    /// Answers a request with a header and the events' frames.
    pub fn answer(&self, request: &ReplayRequest, header: &Header, events: Vec<Vec<u8>>) {
        self.finish(&request.reply_to.peer);
        self.send(&request.reply_to, header, events);
    }

    /// Answers a request that cannot be served.
    pub fn fail(&self, request: &ReplayRequest, failure: &Failure) {
        self.finish(&request.reply_to.peer);
        self.send(&request.reply_to, failure, Vec::new());
    }

    fn send(&self, to: &ReplyTo, header: &impl serde::Serialize, events: Vec<Vec<u8>>) {
        // Strings and numbers in a fixed shape: there is nothing that could fail.
        let header = serde_json::to_vec(header).unwrap_or_default();
        let mut frames = to.envelope.clone();
        frames.push(header);
        frames.extend(events);
        self.router.send(vec![Outgoing { peer: to.peer.clone(), frames }]);
    }

    fn begin(&self, peer: &Peer) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(peer.clone())
    }

    fn finish(&self, peer: &Peer) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(peer);
    }
}
