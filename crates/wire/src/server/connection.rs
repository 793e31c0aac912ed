//! One peer: what came of it and is not read, and what waits for it.

use std::{
    io::{ErrorKind, Read as _},
    mem,
    sync::{Arc, Weak},
    time::Instant,
};

use laniakea_zmtp::{self as zmtp, ConnectionError, Event};

use super::{
    limits::Cut,
    outbox::{Block, Outbox, Pool, Written},
    stream::{Address, Stream},
};
use crate::curve::CurveKey;

/// The name of a connection; no other ever has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(usize);

impl ConnectionId {
    pub(crate) const fn from_number(number: usize) -> Self {
        Self(number)
    }

    pub(crate) const fn number(self) -> usize {
        self.0
    }
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The peer left, or the network did.
    Gone,
    /// It went too far.
    Cut(Cut),
    /// What it said is no ZMTP, or not for us.
    Protocol(ConnectionError),
}

impl From<ConnectionError> for End {
    fn from(error: ConnectionError) -> Self {
        Self::Protocol(error)
    }
}

impl From<Cut> for End {
    fn from(cut: Cut) -> Self {
        Self::Cut(cut)
    }
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// There is more to be read.
    pub(crate) has_more: bool,
    /// How much was taken from the socket.
    pub(crate) bytes: usize,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the kernel or a line tells"
)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// By which of the server's doors it came.
    pub(crate) door: usize,
    pub(crate) address: Address,
    pub(crate) opened_at: Instant,
    pub(crate) key: Option<CurveKey>,
    pub(crate) is_ready: bool,
    /// It stands in a line to be read.
    pub(crate) is_in_line: bool,
    /// It is noted that there is something to write.
    pub(crate) is_noted: bool,
    /// Something was written that may not be acknowledged yet.
    pub(crate) is_awaited: bool,
    /// When the kernel last took something of what waits.
    pub(crate) took_at: Instant,
    /// How much memory it held when that was counted last.
    pub(crate) counted: usize,
    pub(crate) stream: Stream,
    pub(crate) zmtp: zmtp::Connection,
    /// What was taken from the socket and is not read, from `input_at` on.
    input: Vec<u8>,
    input_at: usize,
    outbox: Outbox,
    /// What ZMTP itself said last. While it waits, what it says next does not.
    own: Weak<Block>,
    is_readable: bool,
    /// The peer will send no more, so that a short read is not the last.
    is_ending: bool,
    is_writable: bool,
}

impl Connection {
    pub(crate) fn new(
        id: ConnectionId,
        door: usize,
        (stream, address): (Stream, Address),
        zmtp: zmtp::Connection,
        now: Instant,
    ) -> Self {
        Self {
            id,
            door,
            address,
            opened_at: now,
            key: None,
            is_ready: false,
            is_in_line: false,
            is_noted: false,
            is_awaited: false,
            took_at: now,
            counted: 0,
            stream,
            zmtp,
            input: Vec::new(),
            input_at: 0,
            outbox: Outbox::default(),
            own: Weak::new(),
            is_readable: false,
            is_ending: false,
            is_writable: true,
        }
    }

    /// The kernel says that something can be done.
    pub(crate) fn note(&mut self, event: &mio::event::Event) {
        let is_ending = event.is_read_closed() || event.is_error();
        self.is_readable |= event.is_readable() || is_ending;
        self.is_ending |= is_ending;
        self.is_writable |= event.is_writable() || event.is_error();
    }

    /// Whether a turn would find something.
    pub(crate) fn has_input(&self) -> bool {
        self.is_readable || !self.input.is_empty()
    }

    /// How many bytes wait to be written.
    pub(crate) fn unsent(&self) -> usize {
        self.outbox.bytes()
    }

    /// Reads at most `most` messages, of at most as many bytes as `scratch` has. What was taken from
    /// the socket and is beyond that is kept for the next turn.
    pub(crate) fn turn(
        &mut self,
        scratch: &mut [u8],
        most: usize,
        mut take: impl FnMut(&mut Self, Event) -> Result<(), End>,
    ) -> Result<Turn, End> {
        let mut left = most;
        let (input, at) = (mem::take(&mut self.input), mem::take(&mut self.input_at));
        let mut rest = &input[at..];
        self.decode(&mut rest, &mut left, &mut take)?;
        if !rest.is_empty() {
            self.input_at = input.len() - rest.len();
            self.input = input;
            return Ok(Turn { has_more: true, bytes: 0 });
        }
        let bytes = if self.is_readable && left > 0 { self.receive(scratch)? } else { 0 };
        let mut rest = &scratch[..bytes];
        self.decode(&mut rest, &mut left, &mut take)?;
        self.input = rest.to_vec();
        Ok(Turn { has_more: self.has_input(), bytes })
    }

    fn decode(
        &mut self,
        rest: &mut &[u8],
        left: &mut usize,
        take: &mut impl FnMut(&mut Self, Event) -> Result<(), End>,
    ) -> Result<(), End> {
        while *left > 0
            && let Some(event) = self.zmtp.read(rest)?
        {
            match &event {
                // What follows the handshake is read in a turn of its own.
                Event::Ready(_) => *left = 0,
                Event::Authorise(_) => {}
                _ => *left -= 1,
            }
            take(self, event)?;
        }
        Ok(())
    }

    fn receive(&mut self, scratch: &mut [u8]) -> Result<usize, End> {
        match self.stream.read(scratch) {
            Ok(0) => Err(End::Gone),
            Ok(bytes) => {
                self.is_readable = bytes == scratch.len() || self.is_ending;
                Ok(bytes)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_readable = false;
                Ok(0)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Err(_) => Err(End::Gone),
        }
    }

    /// Puts messages that are the same for all peers at the end of what waits. The connection is not
    /// an encrypted one.
    pub(crate) fn push(&mut self, block: Arc<Block>) {
        self.outbox.push(block);
    }

    /// Puts messages at the end of what waits, encrypted where the connection is.
    pub(crate) fn send<F: AsRef<[u8]>>(
        &mut self,
        messages: impl IntoIterator<Item = impl AsRef<[F]>>,
        pool: &Pool,
    ) {
        let mut bytes = Vec::new();
        // What is sealed is written in the order in which it was sealed.
        if self.zmtp.is_encrypted() && self.zmtp.has_output() {
            bytes = self.zmtp.take_output();
        }
        for message in messages {
            if self.zmtp.seal(message.as_ref(), &mut bytes).is_err() {
                tracing::debug!("a message for a connection that is not ready");
            }
        }
        self.outbox.push(pool.block(bytes));
    }

    /// Writes what waits, as far as the kernel takes it.
    pub(crate) fn flush(&mut self, pool: &Pool) -> Result<(), End> {
        loop {
            self.put_own(pool);
            if !self.is_writable || self.outbox.is_empty() {
                return Ok(());
            }
            self.is_awaited = true;
            let before = self.outbox.bytes();
            let outcome = self.outbox.write(&mut self.stream);
            if self.outbox.bytes() < before {
                self.took_at = Instant::now();
            }
            match outcome {
                Ok(Written::All) => {}
                Ok(Written::Some) => self.is_writable = false,
                Err(_) => return Err(End::Gone),
            }
        }
    }

    /// What ZMTP itself has to say goes before all messages that wait, except on an encrypted
    /// connection, where the order is that of sealing.
    fn put_own(&mut self, pool: &Pool) {
        if self.own.strong_count() > 0 || !self.zmtp.has_output() {
            return;
        }
        let block = pool.block(self.zmtp.take_output());
        self.own = Arc::downgrade(&block);
        if self.zmtp.is_encrypted() {
            self.outbox.push(block);
        } else {
            self.outbox.push_first(block);
        }
    }

    /// How much memory it holds for what came and is not complete.
    pub(crate) fn held_bytes(&self) -> usize {
        self.zmtp.held_bytes()
    }
}
