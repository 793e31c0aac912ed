//! The relay's side of replay.

use std::{
    sync::{Arc, atomic::AtomicU64},
    thread::JoinHandle,
};

use super::{
    Closer, Failure, Header, Request,
    turns::{Turns, Waiting},
};
use crate::{
    Context, Endpoint, Listen, WireError,
    connections::{ConnectionCounters, Presence},
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

#[derive(Debug)]
struct ReplyTo {
    peer: Peer,
    /// The frames before the header: the request id, and the empty frame of a REQ socket.
    envelope: Vec<Vec<u8>>,
}

/// A request that nobody has looked into yet.
struct Unread {
    reply_to: ReplyTo,
    request: Vec<u8>,
    presence: Presence,
}

impl Waiting for Unread {
    type Peer = Peer;

    fn peer(&self) -> &Peer {
        &self.reply_to.peer
    }

    fn is_gone(&self) -> bool {
        self.presence.is_over()
    }

    fn bytes(&self) -> usize {
        self.request.len()
    }
}

/// Receives replay requests on one ROUTER socket, one at a time from each peer.
///
/// A thread of its own takes in what comes, so that neither a page that takes long nor a peer that
/// sends without pause keeps anybody's request, or end, from being noticed.
pub struct ReplayServer {
    router: Arc<Router>,
    turns: Arc<Turns<Unread>>,
    answers: AnswerSender,
    intake: Option<JoinHandle<()>>,
}

impl ReplayServer {
    /// Binds the endpoints.
    pub fn bind(context: &Context, listen: &Listen) -> Result<Self, WireError> {
        let settings = Settings {
            kind: zmq::ROUTER,
            max_message_bytes: 128 << 10,
            // A peer has one request at a time; more of them only take room.
            receive_queue: 8,
            // Pages are large: a peer that does not read them gets no more than these.
            send_queue: 2,
            keepalive: Keepalive::SERVER,
        };
        let router = Arc::new(Router::bind(context, "replay", listen, &settings, 3)?);
        let turns = Arc::new(Turns::new());
        let answers = AnswerSender { router: router.sender(), turns: turns.clone() };
        let intake = Intake { router: router.clone(), turns: turns.clone() };
        let intake = std::thread::Builder::new()
            .name("replay-turns".to_owned())
            .spawn(move || intake.run())
            .map_err(WireError::Thread)?;
        Ok(Self { router, turns, answers, intake: Some(intake) })
    }

    /// What became of the connections.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        self.router.connections()
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.router.endpoints
    }

    /// The request whose turn it is; several threads may ask. Malformed ones were answered, and
    /// those of peers that are gone passed over. `None` once the server is closed and drained.
    pub fn next(&self) -> Option<ReplayRequest> {
        loop {
            let Unread { reply_to, request, .. } = self.turns.next()?;
            match Request::parse(&request) {
                Ok(request) => return Some(ReplayRequest { request, reply_to }),
                Err(failure) => self.answers.finish(reply_to, &failure, Vec::new()),
            }
        }
    }

    /// How many requests wait for their turn.
    pub fn waiting(&self) -> usize {
        self.turns.len()
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

impl Drop for ReplayServer {
    fn drop(&mut self) {
        self.router.end();
        if let Some(intake) = self.intake.take() {
            drop(intake.join());
        }
    }
}

/// Puts each request in its place as soon as it comes.
struct Intake {
    router: Arc<Router>,
    turns: Arc<Turns<Unread>>,
}

impl Intake {
    fn run(&self) {
        let sender = self.router.sender();
        while let Next::Batch(batch) = self.router.next(None) {
            let refusals = batch.into_iter().filter_map(|incoming| self.queue(incoming)).collect();
            sender.send(refusals);
        }
        self.turns.close();
    }

    /// The answer, where it is known already.
    fn queue(&self, incoming: Incoming) -> Option<Outgoing> {
        let request = read(incoming).filter(|request| !request.is_gone())?;
        let (Unread { reply_to, .. }, failure) = self.turns.queue(request).err()?;
        Some(answer(reply_to, &failure, Vec::new()))
    }
}

/// Takes the frames apart; others than those of a request have no envelope to answer in.
fn read(incoming: Incoming) -> Option<Unread> {
    let Incoming { peer, frames, frame_count, presence } = incoming;
    let (envelope, request) = match (&frames[..], frame_count) {
        ([id, request], 2) => (vec![id.to_vec()], request),
        ([empty, id, request], 3) if empty.is_empty() => (vec![Vec::new(), id.to_vec()], request),
        _ => return None,
    };
    if envelope.iter().any(|id| id.len() > MAX_REQUEST_ID_BYTES) {
        return None;
    }
    Some(Unread { reply_to: ReplyTo { peer, envelope }, request: request.to_vec(), presence })
}

fn answer(to: ReplyTo, header: &impl serde::Serialize, events: Vec<Vec<u8>>) -> Outgoing {
    let ReplyTo { peer, envelope: mut frames } = to;
    // Strings and numbers in a fixed shape: there is nothing that could fail.
    frames.push(serde_json::to_vec(header).unwrap_or_default());
    frames.extend(events);
    Outgoing { peer, frames }
}

/// Sends answers to replay requests.
#[derive(Clone)]
pub struct AnswerSender {
    router: RouterSender,
    turns: Arc<Turns<Unread>>,
}

impl AnswerSender {
    /// Answers a request with a header and the events' frames.
    pub fn answer(&self, request: ReplayRequest, header: &Header, events: Vec<Vec<u8>>) {
        self.finish(request.reply_to, header, events);
    }

    /// Answers a request that cannot be served.
    pub fn fail(&self, request: ReplayRequest, failure: &Failure) {
        self.finish(request.reply_to, failure, Vec::new());
    }

    /// The peer may ask again before it has the answer, so that it never finds itself busy then.
    fn finish(&self, to: ReplyTo, header: &impl serde::Serialize, events: Vec<Vec<u8>>) {
        self.turns.finish(&to.peer);
        self.router.send(vec![answer(to, header, events)]);
    }
}
