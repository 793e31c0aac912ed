//! A raw DEALER connection: each submission has its digest as the request id.

use std::time::{Duration, Instant};

use laniakea_event::{Digest, SignedEvent};
use laniakea_wire::submit::Reply;

use crate::checker::Answer;

pub(crate) struct Submitter(zmq::Socket);

impl Submitter {
    pub(crate) fn connect(endpoint: &str) -> Self {
        let socket = zmq::Context::new().socket(zmq::DEALER).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_sndhwm(0).unwrap();
        socket.set_rcvhwm(0).unwrap();
        socket.set_reconnect_ivl(20).unwrap();
        socket.connect(endpoint).unwrap();
        Self(socket)
    }

    pub(crate) fn send(&self, event: &SignedEvent) {
        let id = *event.digest().as_bytes();
        self.0.send_multipart([event.bytes(), &id[..]], 0).unwrap();
    }

    /// The next answer, if one comes in time.
    pub(crate) fn receive(&self, patience: Duration) -> Option<(Digest, Answer)> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
            if self.0.poll(zmq::POLLIN, left).unwrap() == 0 {
                return None;
            }
            let frames = self.0.recv_multipart(0).unwrap();
            let [id, reply] = &frames[..] else { continue };
            let digest = Digest::from_bytes(id[..].try_into().unwrap());
            return Some((digest, answer(serde_json::from_slice(reply).unwrap())));
        }
    }
}

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Accepted { seq, duplicate: false, .. } => Answer::Accepted(seq),
        Reply::Accepted { seq, duplicate: true, .. } => Answer::Duplicate(seq),
        Reply::Rejected { reason, .. } => Answer::Rejected(reason),
    }
}
