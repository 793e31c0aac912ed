//! Submissions on their way from the server's thread to whoever judges them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Sender, TrySendError, bounded};
use laniakea_zmtp::Message;

use super::{
    ReplyTo, Submission,
    frames::{Form, read_form},
};
use crate::{
    router::{Answers, Peer},
    server::{Connection, Connections, Cut, Pool, Service},
};

/// The most submissions that are handed on at once, and about how many bytes.
const MAX_BATCH: usize = 32;
const MAX_BATCH_BYTES: usize = 2 << 20;

/// The server's side of submit, in its thread.
pub(super) struct Intake {
    to_consumer: Sender<Vec<Submission>>,
    /// What the turns of this round brought, or what did not fit into the consumer's queue.
    batch: Vec<Submission>,
    bytes: usize,
    /// The batch waits until the consumer has taken something.
    is_full: bool,
    /// A longer frame cuts its connection.
    max_frame_bytes: usize,
    /// The consumer wakes the thread, since it waits.
    pub(super) is_blocked: Arc<AtomicBool>,
    pub(super) malformed: Arc<AtomicU64>,
    answers: Answers,
}

impl Intake {
    pub(super) fn new(
        to_consumer: Sender<Vec<Submission>>,
        answers: Answers,
        max_frame_bytes: usize,
    ) -> Self {
        Self {
            to_consumer,
            batch: Vec::new(),
            bytes: 0,
            is_full: false,
            max_frame_bytes,
            is_blocked: Arc::default(),
            malformed: Arc::default(),
            answers,
        }
    }

    fn offer(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.is_full = match self.to_consumer.try_send(batch) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {
                self.bytes = 0;
                false
            }
            Err(TrySendError::Full(batch)) => {
                self.batch = batch;
                true
            }
        };
    }
}

impl Service for Intake {
    const TURN: usize = 8;
    // A peer that does not read its replies sends no more until it does.
    const MAX_UNSENT: usize = 256 << 10;

    fn has_room(&self) -> bool {
        !self.is_full && self.batch.len() < MAX_BATCH && self.bytes < MAX_BATCH_BYTES
    }

    fn message(
        &mut self,
        peer: &mut Connection,
        message: Message,
        _pool: &Pool,
    ) -> Result<(), Cut> {
        if message.frames().any(|frame| frame.len() > self.max_frame_bytes) {
            return Err(Cut::Unfinished);
        }
        let peer = Peer(peer.id);
        // A form has two frames at most; one more tells what has too many.
        let frames: Vec<&[u8]> = message.frames().take(3).collect();
        let (event, reply_to) = match read_form(&frames, message.frame_count()) {
            Form::OneWay(event) => (event, None),
            Form::Request { event, envelope } => {
                (event, Some(ReplyTo { peer, envelope: envelope.to_vec() }))
            }
            Form::Malformed => {
                self.malformed.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        };
        self.bytes += message.byte_count();
        self.batch.push(Submission { event: event.to_vec(), peer, reply_to });
        Ok(())
    }

    fn hand_on(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.offer();
        if self.is_full {
            // Said first, and tried again: the consumer may have taken something in between.
            self.is_blocked.store(true, Ordering::SeqCst);
            self.offer();
        }
    }

    fn send(&mut self, connections: &mut Connections) -> Option<Duration> {
        self.answers.send(connections)
    }

    fn end_of_input(&mut self) {
        // The consumer sees the end once it has taken what was read.
        self.to_consumer = bounded(0).0;
    }
}
