//! The relay's side of replay.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use laniakea_zmtp::{Limits, Message, Role};

use super::{
    Closer, Failure, Header, Request,
    request::MAX_REQUEST_BYTES,
    turns::{Turns, Waiting},
};
use crate::{
    Endpoint, Listen, WireError,
    router::{AnswerQueue, Answers, Outgoing, Peer},
    server::{
        BoundServer, Connection, ConnectionCounters, ConnectionId, Connections, Cut, Pool, Server,
        Service, Settings,
    },
};

const MAX_REQUEST_ID_BYTES: usize = 64;
/// Bytes of a message, so that a request that is too long can be answered.
const MAX_MESSAGE_BYTES: usize = 2 * MAX_REQUEST_BYTES;
/// Frames of a message; none of more than three is answered.
const MAX_FRAMES: usize = 1_000;
/// Bytes of answers that wait for one peer before the next is dropped, and for all.
const MAX_ANSWERS: usize = 8 << 20;
const MAX_ALL_ANSWERS: usize = 128 << 20;

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
}

impl Waiting for Unread {
    type Peer = Peer;

    fn peer(&self) -> &Peer {
        &self.reply_to.peer
    }

    fn bytes(&self) -> usize {
        self.request.len()
    }
}

/// Receives replay requests, one at a time from each peer.
///
/// The server's thread puts each in its place as soon as it comes, so that neither a page that takes
/// long nor a peer that sends without pause keeps anybody's request, or end, from being noticed.
pub struct ReplayServer {
    server: Server,
    turns: Arc<Turns<Unread>>,
    answers: AnswerSender,
    dropped: Arc<AtomicU64>,
}

impl ReplayServer {
    /// Binds the endpoints.
    pub fn bind(listen: &Listen) -> Result<Self, WireError> {
        let settings = Settings {
            name: "replay",
            role: Role::Router,
            messages: Limits::of_messages(MAX_MESSAGE_BYTES, MAX_FRAMES),
            max_unsent: MAX_ALL_ANSWERS,
        };
        let bound = BoundServer::bind(listen, &settings)?;
        let (queue, answers) = Answers::new(bound.control.clone(), MAX_ANSWERS);
        let dropped = answers.dropped.clone();
        let turns = Arc::new(Turns::new());
        let server = bound.start(Intake { turns: turns.clone(), answers })?;
        let answers = AnswerSender { queue, turns: turns.clone() };
        Ok(Self { server, turns, answers, dropped })
    }

    /// What became of the connections.
    pub fn connections(&self) -> Arc<ConnectionCounters> {
        self.server.counters.clone()
    }

    /// Where the server listens.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.server.endpoints
    }

    /// The request whose turn it is; several threads may ask. Malformed ones were answered. `None`
    /// once the server is closed and drained.
    pub fn next(&self) -> Option<ReplayRequest> {
        loop {
            let Unread { reply_to, request } = self.turns.next()?;
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
        Closer::new(self.server.control.clone())
    }

    /// Counts answers that could not be sent.
    pub fn dropped_answers(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }
}

/// The server's side of replay, in its thread.
struct Intake {
    turns: Arc<Turns<Unread>>,
    answers: Answers,
}

impl Service for Intake {
    // A peer has one request at a time.
    const TURN: usize = 4;
    // A peer that does not read its answers is not read either.
    const MAX_UNSENT: usize = 64 << 10;

    fn message(&mut self, peer: &mut Connection, message: Message, pool: &Pool) -> Result<(), Cut> {
        if let Some(request) = read(Peer(peer.id), &message)
            && let Err((Unread { reply_to, .. }, failure)) = self.turns.queue(request)
        {
            let frames = answer(reply_to, &failure, Vec::new()).frames;
            peer.send([&frames[..]], pool);
        }
        Ok(())
    }

    fn gone(&mut self, peer: ConnectionId) {
        self.turns.forget(&Peer(peer));
    }

    fn send(&mut self, connections: &mut Connections) -> Option<Duration> {
        self.answers.send(connections)
    }

    fn end_of_input(&mut self) {
        self.turns.close();
    }
}

/// Takes the frames apart; others than those of a request have no envelope to answer in.
fn read(peer: Peer, message: &Message) -> Option<Unread> {
    let frames: Vec<&[u8]> = message.frames().take(4).collect();
    let (envelope, request) = match frames[..] {
        [id, request] => (vec![id.to_vec()], request),
        [[], id, request] => (vec![Vec::new(), id.to_vec()], request),
        _ => return None,
    };
    if envelope.iter().any(|id| id.len() > MAX_REQUEST_ID_BYTES) {
        return None;
    }
    Some(Unread { reply_to: ReplyTo { peer, envelope }, request: request.to_vec() })
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
    queue: AnswerQueue,
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
        self.queue.send(vec![answer(to, header, events)]);
    }
}
