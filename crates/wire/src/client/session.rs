//! One connection: bytes from the socket become events, messages become bytes that wait for the
//! socket to take them.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd},
};

use laniakea_zmtp::{Connection, Event, Setup};
use rustix::event::PollFlags;

use super::{
    ended::Ended,
    stream::{Peer, Stream},
};
use crate::random;

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 << 10;
/// How often is read in one go before a message is complete: a long page comes through, and who
/// sends what never becomes a message does not keep us.
const MAX_READS: usize = 256;
/// While so many bytes wait to be written, nothing is added.
const ROOM: usize = 1 << 20;

pub(super) struct Session {
    stream: Stream,
    connection: Connection,
    /// What was read is in `input[start..end]`.
    input: Box<[u8]>,
    start: usize,
    end: usize,
    output: Output,
    /// The peer has said something.
    pub(super) has_begun: bool,
    /// It has sent a message.
    pub(super) has_spoken: bool,
}

/// Bytes that wait to be written.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Session {
    pub(super) fn new(stream: Stream, setup: &Setup) -> Self {
        let connection = Connection::new(setup, &mut random::fill);
        Self {
            stream,
            connection,
            input: vec![0; READ_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            output: Output::default(),
            has_begun: false,
            has_spoken: false,
        }
    }

    /// The next event, if it is there. What comes after it stays in the kernel.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Ended> {
        self.next_within(MAX_READS)
    }

    /// What was read is looked at in any case: nobody says that it is there.
    fn next_within(&mut self, reads: usize) -> Result<Option<Event>, Ended> {
        for left in (0..=reads).rev() {
            let mut input = &self.input[self.start..self.end];
            let event = self.connection.read(&mut input);
            self.start = self.end - input.len();
            match event {
                Ok(None) => {}
                Ok(Some(event)) => {
                    self.has_spoken |= matches!(event, Event::Message(_));
                    return Ok(Some(event));
                }
                Err(error) => {
                    // Perhaps there is something to tell the peer; if not, it sees what happens.
                    self.flush().unwrap_or_default();
                    return Err(error.into());
                }
            }
            if left == 0 {
                break;
            }
            match self.stream.read(&mut self.input).map_err(Ended::Broken)? {
                None => return Ok(None),
                Some(0) => return Err(Ended::Closed),
                Some(length) => (self.start, self.end, self.has_begun) = (0, length, true),
            }
        }
        Ok(None)
    }

    /// Writes what waits, as far as the kernel takes it. Says whether something was written.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        // A peer that asks again and again and does not read what it is told gets one answer.
        if self.output.is_empty() {
            self.put_first();
        }
        let mut has_written = false;
        while !self.output.is_empty()
            && let Some(length) = self.stream.write(self.output.waiting())?
        {
            self.output.advance(length);
            has_written = true;
        }
        Ok(has_written)
    }

    pub(super) fn has_room(&self) -> bool {
        self.output.waiting().len() < ROOM
    }

    pub(super) fn send<F: AsRef<[u8]>>(&mut self, frames: &[F]) {
        self.put_first();
        // Only a session whose handshake is done is asked to send.
        self.connection.seal(frames, &mut self.output.bytes).unwrap_or_default();
    }

    pub(super) fn subscribe(&mut self, topic: &[u8]) {
        self.put_first();
        self.connection.subscribe(topic, &mut self.output.bytes).unwrap_or_default();
    }

    /// The end of the handshake goes before everything else: the peer may have said all of its own
    /// at once.
    fn put_first(&mut self) {
        if self.connection.has_output() {
            self.output.bytes.append(&mut self.connection.take_output());
        }
    }

    /// What the thread that owns it waits for.
    pub(super) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        let waits = !self.output.is_empty() || self.connection.has_output();
        let write = if waits { PollFlags::OUT } else { PollFlags::empty() };
        (self.stream.as_fd(), PollFlags::IN | write)
    }

    /// What the kernel says of the peer's.
    pub(super) fn peer(&self) -> Peer {
        self.stream.peer()
    }

    /// Throws away what waits.
    pub(super) fn reset(self) {
        self.stream.reset();
    }
}

impl Output {
    fn waiting(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn advance(&mut self, length: usize) {
        self.written += length;
        if self.is_empty() {
            self.written = 0;
            self.bytes.clear();
            self.bytes.shrink_to(READ_BYTES);
        } else if self.written >= ROOM {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::net::UnixListener};

    use laniakea_zmtp::{Limits, Role, Security, encode};
    use rustix::net::SocketAddrUnix;

    use super::{super::tests::peer::handshake, *};

    /// Nothing more comes that would wake whoever waits for the socket.
    #[test]
    fn what_the_last_read_of_a_turn_brought_is_not_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let stream = Stream::connect_unix(&SocketAddrUnix::new(&path).unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let (security, limits) = (Security::NullClient, Limits::of_messages(100, 1));
        let mut session = Session::new(stream, &Setup { role: Role::Dealer, security, limits });
        peer.write_all(&handshake(Role::Router, Role::Dealer)).unwrap();
        assert!(matches!(session.next(), Ok(Some(Event::Ready(_)))));
        let mut message = Vec::new();
        encode(&["hello"], &mut message);
        peer.write_all(&message).unwrap();
        assert!(matches!(session.next_within(1), Ok(Some(Event::Message(_)))));
    }
}
