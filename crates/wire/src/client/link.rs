//! A client's link to an endpoint: a connection that is made anew whenever it ends.
//!
//! Whoever owns it asks for [changes](Link::change) and [messages](Link::receive) whenever
//! [`sleep`](super::sleep) returns; nothing here waits. What is sent goes over the connection of
//! now, and is gone with it: the owner knows what to send again.

use std::{
    collections::VecDeque,
    mem,
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use laniakea_zmtp::{Event, Limits, Message, Role, Setup};
use rustix::event::PollFlags;

use super::{
    backoff::{Backoff, Trouble},
    connect::Attempt,
    ended::{Ended, Progress},
    endpoint::Address,
    session::Session,
    stream::{Peer, Stream},
};
use crate::{HandshakeFailure, WireError, curve::Security, wake::Waker};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// A handshake that was not looked after for so long beyond that says nothing about the peer: the
/// thread was held up by a consumer.
const LEFT_ALONE: Duration = Duration::from_secs(1);
/// A connection that stood for so long, or brought a message, has worked.
const WORKED: Duration = Duration::from_secs(5);
/// How often a peer that has not acknowledged something is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// A client's link to an endpoint.
pub(crate) struct Link {
    endpoint: String,
    address: Address,
    setup: Setup,
    /// What is subscribed to over each connection.
    topics: Vec<Vec<u8>>,
    waker: Waker,
    state: State,
    backoff: Backoff,
    /// What the owner has not heard of.
    changes: VecDeque<Change>,
    /// Why there is no connection at present, if that is known.
    failure: Option<HandshakeFailure>,
    /// What was last said in the log.
    said: Option<String>,
}

/// What became of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The handshake is done.
    Connected,
    /// The connection ended after that.
    Disconnected,
    /// There was no handshake; it is tried again.
    Failed(HandshakeFailure),
}

enum State {
    /// Until it is time for the next attempt.
    Waiting(Instant),
    Connecting(Attempt),
    Handshake {
        session: Session,
        deadline: Instant,
    },
    Ready {
        session: Session,
        since: Instant,
        next_look: Option<Instant>,
    },
}

impl Link {
    /// Connects in the background. The waker is rung when the owner has to look.
    pub(crate) fn open(
        endpoint: &str,
        (role, limits): (Role, Limits),
        security: &Security,
        waker: &Waker,
    ) -> Result<Self, WireError> {
        let address = Address::parse(endpoint)
            .map_err(|source| WireError::Connect { endpoint: endpoint.to_owned(), source })?;
        let mut link = Self {
            endpoint: endpoint.to_owned(),
            address,
            setup: Setup { role, security: security.of_client(), limits },
            topics: Vec::new(),
            waker: waker.clone(),
            state: State::Waiting(Instant::now()),
            backoff: Backoff::new(),
            changes: VecDeque::new(),
            failure: None,
            said: None,
        };
        link.connect(Instant::now());
        Ok(link)
    }

    /// What is to be subscribed to; said before there is a connection.
    pub(crate) fn with_topics(mut self, topics: Vec<Vec<u8>>) -> Self {
        self.topics = topics;
        self
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Does what there is to do and says what became of the connection, one change after the other.
    pub(crate) fn change(&mut self) -> Option<Change> {
        if self.changes.is_empty() {
            self.drive(Instant::now());
        }
        let change = self.changes.pop_front()?;
        match change {
            Change::Connected => self.failure = None,
            Change::Failed(failure) => self.failure = Some(failure),
            Change::Disconnected => {}
        }
        Some(change)
    }

    /// Why there is no connection, if the last attempt says so.
    pub(crate) fn failure(&self) -> Option<HandshakeFailure> {
        self.failure
    }

    /// The next message, if it is there. What is not asked for waits in the kernel, and then at the
    /// peer's.
    pub(crate) fn receive(&mut self) -> Option<Message> {
        loop {
            let State::Ready { session, .. } = &mut self.state else { return None };
            match session.next() {
                Ok(Some(Event::Message(message))) => return Some(message),
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(ended) => self.end(&ended, Instant::now()),
            }
        }
    }

    /// Whether [`Self::send`] sends: there is a connection, and not much waits for it.
    pub(crate) fn has_room(&self) -> bool {
        matches!(&self.state, State::Ready { session, .. } if session.has_room())
    }

    /// Has a message sent over the connection of now, with the next [`flush`](Self::flush); without
    /// room it is not sent.
    pub(crate) fn send<F: AsRef<[u8]>>(&mut self, frames: &[F]) {
        if let State::Ready { session, .. } = &mut self.state
            && session.has_room()
        {
            session.send(frames);
        }
    }

    /// Writes what is to be sent, as far as the kernel takes it now. The rest follows when it does.
    pub(crate) fn flush(&mut self) {
        self.write(Instant::now());
    }

    /// Gives the connection up, if there is one, and connects anew.
    pub(crate) fn cut(&mut self) {
        if matches!(self.state, State::Ready { .. }) {
            self.end(&Ended::GivenUp, Instant::now());
        }
    }

    /// When there is something to do even if nothing comes.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(at) => Some(*at),
            State::Connecting(_) => None,
            State::Handshake { deadline, .. } => Some(*deadline),
            State::Ready { next_look, .. } => *next_look,
        }
    }

    /// Whether the owner has not heard of something.
    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The socket, and what it is waited for.
    pub(super) fn interest(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.state {
            State::Waiting(_) | State::Connecting(_) => None,
            State::Handshake { session, .. } | State::Ready { session, .. } => {
                Some(session.interest())
            }
        }
    }

    pub(super) fn drive(&mut self, now: Instant) {
        if matches!(&self.state, State::Waiting(at) if *at <= now) {
            self.connect(now);
        }
        if let State::Connecting(attempt) = &self.state
            && let Some(outcome) = attempt.outcome()
        {
            match outcome {
                Ok(stream) => self.begin(stream, now),
                Err(error) => self.end(&Ended::NoConnection(error), now),
            }
        }
        match self.state {
            State::Waiting(_) | State::Connecting(_) => {}
            State::Handshake { .. } => self.shake_hands(now),
            State::Ready { .. } => {
                self.write(now);
                self.look(now);
            }
        }
    }

    fn connect(&mut self, now: Instant) {
        match Attempt::start(&self.address, &self.waker) {
            Ok(attempt) => self.state = State::Connecting(attempt),
            Err(error) => self.end(&Ended::NoConnection(error), now),
        }
    }

    fn begin(&mut self, stream: Stream, now: Instant) {
        let session = Session::new(stream, &self.setup);
        self.state = State::Handshake { session, deadline: now + HANDSHAKE };
    }

    fn shake_hands(&mut self, now: Instant) {
        let State::Handshake { session, deadline } = &mut self.state else { return };
        if now > *deadline + LEFT_ALONE {
            return self.end(&Ended::LeftAlone, now);
        }
        match session.next() {
            Ok(Some(Event::Ready(_))) => return self.ready(now),
            Ok(None) if now >= *deadline => return self.end(&Ended::Silent, now),
            // No other event comes before that.
            Ok(_) => {}
            Err(ended) => return self.end(&ended, now),
        }
        if let Err(error) = session.flush() {
            self.end(&Ended::Broken(error), now);
        }
    }

    fn ready(&mut self, now: Instant) {
        let state = mem::replace(&mut self.state, State::Waiting(now));
        let State::Handshake { mut session, .. } = state else { return };
        for topic in &self.topics {
            session.subscribe(topic);
        }
        self.state = State::Ready { session, since: now, next_look: None };
        self.changes.push_back(Change::Connected);
        self.write(now);
    }

    fn write(&mut self, now: Instant) {
        let State::Ready { session, next_look, .. } = &mut self.state else { return };
        match session.flush() {
            Ok(true) => {
                next_look.get_or_insert(now + LOOK);
            }
            Ok(false) => {}
            Err(error) => self.end(&Ended::Broken(error), now),
        }
    }

    /// Whether the peer's host is still there; only while it owes us something.
    fn look(&mut self, now: Instant) {
        let State::Ready { session, next_look, .. } = &mut self.state else { return };
        if next_look.is_none_or(|at| at > now) {
            return;
        }
        match session.peer() {
            Peer::HasAll => *next_look = None,
            Peer::Owes => *next_look = Some(now + LOOK),
            Peer::Vanished => self.end(&Ended::Vanished, now),
        }
    }

    /// The connection has ended, or did not come about.
    fn end(&mut self, ended: &Ended, now: Instant) {
        let state = mem::replace(&mut self.state, State::Waiting(now));
        let (session, progress) = match state {
            State::Waiting(_) | State::Connecting(_) => (None, Progress::None),
            State::Handshake { session, .. } if session.has_begun => {
                (Some(session), Progress::Greeted)
            }
            State::Handshake { session, .. } => (Some(session), Progress::Mute),
            State::Ready { session, since, .. } => {
                if session.has_spoken || now >= since + WORKED {
                    self.backoff.reset();
                    self.said = None;
                }
                self.changes.push_back(Change::Disconnected);
                (Some(session), Progress::Ready)
            }
        };
        if let (Some(session), Ended::Vanished | Ended::GivenUp) = (session, ended) {
            session.reset();
        }
        let trouble = ended.trouble(progress);
        self.state = State::Waiting(now + self.backoff.next(trouble));
        self.changes.extend(ended.failure(progress).map(Change::Failed));
        self.say(ended, trouble);
    }

    /// One line, until there is something else to say. That a connection ended is told to the owner.
    fn say(&mut self, ended: &Ended, trouble: Trouble) {
        let line = ended.to_string();
        let endpoint = &self.endpoint;
        if self.said.as_ref() == Some(&line) {
            return;
        }
        match (ended, trouble) {
            (Ended::GivenUp | Ended::LeftAlone, _) => return,
            (_, Trouble::Refused) => {
                tracing::warn!(
                    endpoint,
                    "{endpoint} cannot be talked to, and is tried again: {line}"
                );
            }
            _ => tracing::info!(endpoint, "no connection to {endpoint}, trying again: {line}"),
        }
        self.said = Some(line);
    }
}
