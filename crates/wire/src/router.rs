//! What submit and replay share: who sent a message, and how answers get back.
//!
//! Answers are put into a queue by any thread; the server's thread puts each where it waits for its
//! peer. One for a peer that is gone or does not read is dropped and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use crate::server::{ConnectionId, Connections, Control};

/// Groups of answers that wait for the server's thread.
const QUEUED_ANSWERS: usize = 16;

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

/// The connection that a message came over; another one never has the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub(crate) ConnectionId);

/// An answer: to whom, and its frames.
pub(crate) struct Outgoing {
    pub(crate) peer: Peer,
    pub(crate) frames: Vec<Vec<u8>>,
}

/// Sends answers from any thread.
#[derive(Clone)]
pub(crate) struct AnswerQueue {
    queue: Sender<Vec<Outgoing>>,
    control: Arc<Control>,
}

impl AnswerQueue {
    /// Hands answers to the server's thread; waits while the queue is full.
    pub(crate) fn send(&self, answers: Vec<Outgoing>) {
        if !answers.is_empty() && self.queue.send(answers).is_ok() {
            self.control.wake();
        }
    }
}

/// The other end, in the server's thread.
pub(crate) struct Answers {
    queue: Receiver<Vec<Outgoing>>,
    /// An answer is dropped where more bytes wait for its peer.
    most: usize,
    pub(crate) dropped: Arc<AtomicU64>,
}

impl Answers {
    pub(crate) fn new(control: Arc<Control>, most: usize) -> (AnswerQueue, Self) {
        let (sender, queue) = bounded(QUEUED_ANSWERS);
        (AnswerQueue { queue: sender, control }, Self { queue, most, dropped: Arc::default() })
    }

    /// Puts what is in the queue where it waits for its peer. What is left is sent in the next round.
    pub(crate) fn send(&self, connections: &mut Connections) -> Option<Duration> {
        for _ in 0..QUEUED_ANSWERS {
            match self.queue.try_recv() {
                Ok(answers) => answers.into_iter().for_each(|answer| {
                    self.send_one(&answer, connections);
                }),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return None,
            }
        }
        Some(Duration::ZERO)
    }

    fn send_one(&self, Outgoing { peer, frames }: &Outgoing, connections: &mut Connections) {
        if !connections.send(peer.0, frames, self.most) {
            tracing::debug!("an answer was dropped: its peer is gone or does not read");
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
