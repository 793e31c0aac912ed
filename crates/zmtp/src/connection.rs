//! One end of a connection, from the first byte to the last.

mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod opening;
mod setup;
#[cfg(test)]
mod tests;
mod traffic;

use std::mem;

pub use error::{ConnectionError, NotReady};
use opening::{Opening, Progress};
pub use setup::{Security, Setup};
use traffic::Traffic;

use crate::{
    command::{self, Wish},
    curve::{PublicKey, Random},
    frame::{Kind, put},
    greeting::Version,
    message::Message,
    role::Role,
};

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    stage: Stage,
    /// What is to be written before anything else: the handshake.
    output: Vec<u8>,
}

#[derive(Debug)]
enum Stage {
    Opening(Box<Opening>),
    Traffic(Box<Traffic>),
    Over,
}

/// Something that came from the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client has proved that this is its key: [`Connection::admit`] or [`Connection::refuse`]
    /// it. Nothing is read until then.
    Authorise(PublicKey),
    /// The handshake is done.
    Ready(Peer),
    /// A message.
    Message(Message),
    /// The peer wants messages whose first frame begins so. libzmq says it as often as somebody
    /// calls for it, but cancels only once: subscriptions are a set.
    Subscribe(Vec<u8>),
    /// It does not want them any more.
    Cancel(Vec<u8>),
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// What it is there for.
    pub role: Role,
    /// How it spells subscriptions.
    pub version: Version,
    /// The key that it has proved to have, on an encrypted connection.
    pub key: Option<PublicKey>,
}

impl Connection {
    /// A connection that has just been made. The greeting, or a server's beginning of it, is in its
    /// output. `random` is asked only if the connection is encrypted, and only here.
    pub fn new(setup: &Setup, random: &mut Random<'_>) -> Self {
        let mut output = Vec::new();
        let opening = Box::new(Opening::new(setup, random, &mut output));
        Self { stage: Stage::Opening(opening), output }
    }

    /// Takes from the front of `input` what the next event needs. `None`: all was taken, and more is
    /// needed; or somebody has to answer [`Event::Authorise`] first, and nothing was taken.
    ///
    /// What is left in `input` after an event costs nothing until it is read: whoever wants no more
    /// events for now keeps it and stops reading from the socket.
    ///
    /// # Errors
    ///
    /// The connection is over. What is then in the output is to be written, if that can be done at
    /// once, before it is closed: a peer that need not try again is told so.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ConnectionError> {
        let result = self.step(input);
        if let Err(error) = &result {
            self.stage = Stage::Over;
            if let Some(reason) = error.reply() {
                put(&mut self.output, Kind::Command, &command::write_error(&reason));
            }
        }
        result
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Event>, ConnectionError> {
        match &mut self.stage {
            Stage::Opening(opening) => match opening.read(input, &mut self.output)? {
                Progress::Starved => Ok(None),
                Progress::Authorise(key) => Ok(Some(Event::Authorise(key))),
                Progress::Done(traffic) => {
                    let peer = *traffic.peer();
                    self.stage = Stage::Traffic(traffic);
                    Ok(Some(Event::Ready(peer)))
                }
            },
            Stage::Traffic(traffic) => traffic.read(input),
            Stage::Over => Err(ConnectionError::Over),
        }
    }

    /// The key of [`Event::Authorise`] may connect; [`read`](Self::read) goes on.
    pub fn admit(&mut self) {
        self.answer(true);
    }

    /// The key of [`Event::Authorise`] may not connect; [`read`](Self::read) says so, too.
    pub fn refuse(&mut self) {
        self.answer(false);
    }

    fn answer(&mut self, is_trusted: bool) {
        if let Stage::Opening(opening) = &mut self.stage {
            opening.answer(is_trusted);
        }
    }

    /// Whether there is something to write that nobody asked for.
    pub fn has_output(&self) -> bool {
        let waits = match &self.stage {
            Stage::Traffic(traffic) => traffic.has_pong(),
            _ => false,
        };
        waits || !self.output.is_empty()
    }

    /// Hands out what is to be written and nobody asked for: the handshake, and the answer to the
    /// last PING. It may go between two messages; on an encrypted connection it goes before
    /// whatever is sealed afterwards.
    pub fn take_output(&mut self) -> Vec<u8> {
        let mut output = mem::take(&mut self.output);
        if let Stage::Traffic(traffic) = &mut self.stage {
            traffic.put_pong(&mut output);
        }
        output
    }

    /// How much memory it holds beyond itself: what came and is not complete, and what is to be
    /// written.
    pub fn held_bytes(&self) -> usize {
        let held = match &self.stage {
            Stage::Opening(opening) => opening.held_bytes(),
            Stage::Traffic(traffic) => traffic.held_bytes(),
            Stage::Over => 0,
        };
        held + self.output.capacity()
    }

    /// Who is at the other end, once the handshake is done.
    pub fn peer(&self) -> Option<&Peer> {
        match &self.stage {
            Stage::Traffic(traffic) => Some(traffic.peer()),
            _ => None,
        }
    }

    /// Whether messages have to be [sealed](Self::seal) for it, so that
    /// [encoding](crate::encode) them does not do.
    pub fn is_encrypted(&self) -> bool {
        matches!(&self.stage, Stage::Traffic(traffic) if traffic.is_sealed())
    }

    /// Appends a message as this peer alone can read it. What is sealed is written in the order in
    /// which it was sealed. Without encryption this is [`encode`](crate::encode).
    ///
    /// # Errors
    ///
    /// The handshake is not done, or the connection is over.
    pub fn seal<F: AsRef<[u8]>>(
        &mut self,
        frames: &[F],
        out: &mut Vec<u8>,
    ) -> Result<(), NotReady> {
        self.traffic()?.seal(frames, out);
        Ok(())
    }

    /// Appends that messages are wanted whose first frame begins with `topic`.
    ///
    /// # Errors
    ///
    /// The handshake is not done, or the connection is over.
    pub fn subscribe(&mut self, topic: &[u8], out: &mut Vec<u8>) -> Result<(), NotReady> {
        self.traffic()?.wish(Wish::Subscribe, topic, out);
        Ok(())
    }

    /// Appends that they are not wanted any more.
    ///
    /// # Errors
    ///
    /// The handshake is not done, or the connection is over.
    pub fn cancel(&mut self, topic: &[u8], out: &mut Vec<u8>) -> Result<(), NotReady> {
        self.traffic()?.wish(Wish::Cancel, topic, out);
        Ok(())
    }

    /// Appends a command: the length of its name, the name, and what belongs to it. For those that
    /// nothing here says by itself, such as PING, on which some versions of libzmq abort.
    ///
    /// # Errors
    ///
    /// The handshake is not done, or the connection is over.
    pub fn command(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), NotReady> {
        self.traffic()?.channel.put(Kind::Command, body, out);
        Ok(())
    }

    fn traffic(&mut self) -> Result<&mut Traffic, NotReady> {
        match &mut self.stage {
            Stage::Traffic(traffic) => Ok(traffic),
            _ => Err(NotReady),
        }
    }
}
