//! The loop of a server: one thread, which waits for nobody.
//!
//! A round takes in new connections, reads a bounded number of turns ([`super::turns`]), hands on
//! what was read, and writes what waits as far as the kernel takes it. While the service has no room
//! no messages are read: the kernel holds them, and TCP holds back whoever sends.

#[cfg(test)]
mod tests;

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::{Duration, Instant},
};

use laniakea_zmtp::{Event, Message};
use mio::{Events, Poll};

use super::{
    Control, Phase, WAKER,
    connection::{Connection, ConnectionId},
    connections::Connections,
    limits::Cut,
    listener::{self, Listener},
    outbox::Pool,
    turns::Turns,
};

/// What one turn reads at most, in bytes; each service says how many messages.
const TURN_BYTES: usize = 64 << 10;
/// Turns of one round, so that what was read is handed on and answered soon.
const ROUND: usize = 64;
/// And no more turns than fit into this time. Sealed commands are read at a box each and are no
/// messages, so that a turn of them takes milliseconds.
const ROUND_TIME: Duration = Duration::from_millis(5);
/// New connections of one round and listener.
const NEWCOMERS: usize = 32;
/// The longest that a closed server goes on reading what has arrived.
const DRAIN: Duration = Duration::from_secs(2);
/// How long the last bytes may take to leave.
const LINGER: Duration = Duration::from_millis(500);

/// What a server does with what its peers say.
pub(crate) trait Service: Send + 'static {
    /// Messages of one turn.
    const TURN: usize;
    /// A connection for which more bytes wait is not read.
    const MAX_UNSENT: usize;

    /// Whether messages may be read.
    fn has_room(&self) -> bool {
        true
    }

    /// A peer has come.
    fn ready(&mut self, _peer: &Connection) {}

    /// A peer has sent a message. What is sent to it now goes out in this round.
    fn message(&mut self, peer: &mut Connection, message: Message, pool: &Pool) -> Result<(), Cut>;

    /// A peer wants messages that begin so.
    fn subscribe(&mut self, _peer: &Connection, _topic: &[u8]) -> Result<(), Cut> {
        Ok(())
    }

    /// It does not want them any more.
    fn cancel(&mut self, _peer: &Connection, _topic: &[u8]) -> Result<(), Cut> {
        Ok(())
    }

    /// So many bytes were taken from a peer's socket.
    fn heard(&mut self, _peer: &Connection, _bytes: usize) -> Result<(), Cut> {
        Ok(())
    }

    /// A peer has gone.
    fn gone(&mut self, _peer: ConnectionId) {}

    /// The turns of this round are over: what they brought is handed on.
    fn hand_on(&mut self) {}

    /// Puts what is to be sent where it waits. Unless that was all, says how long the rest may gather.
    fn send(&mut self, connections: &mut Connections) -> Option<Duration>;

    /// Nothing will be read any more.
    fn end_of_input(&mut self) {}
}

pub(crate) struct EventLoop<S> {
    pub(crate) poll: Poll,
    pub(crate) control: Arc<Control>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) connections: Connections,
    pub(crate) service: S,
    turns: Turns,
    scratch: Box<[u8]>,
}

/// Whether peers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Open,
    /// What has arrived is still read: its senders may not wait for an answer.
    Draining {
        /// Senders that never pause do not hold up the end.
        until: Instant,
    },
    Over,
}

impl<S: Service> EventLoop<S> {
    pub(crate) fn new(
        poll: Poll,
        control: Arc<Control>,
        listeners: Vec<Listener>,
        connections: Connections,
        service: S,
    ) -> Self {
        let scratch = vec![0; TURN_BYTES].into();
        let turns = Turns::default();
        Self { poll, control, listeners, connections, service, turns, scratch }
    }

    pub(crate) fn run(mut self) {
        if let Err(error) = self.serve() {
            tracing::error!(%error, "a server's sockets failed");
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut reading = Reading::Open;
        let mut events = Events::with_capacity(256);
        loop {
            let phase = self.control.phase();
            if phase != Phase::Reading && reading == Reading::Open {
                reading = Reading::Draining { until: Instant::now() + DRAIN };
                // Whoever comes from now on is refused by the kernel.
                self.listeners.clear();
            }
            let gathers = self.service.send(&mut self.connections);
            let now = Instant::now();
            self.connections.look(now);
            self.accept(now);
            if reading != Reading::Over && phase != Phase::Ending {
                self.read();
            }
            self.flush();
            if phase == Phase::Ending && gathers.is_none() {
                return self.linger(&mut events);
            }
            let is_busy = self.may_read(reading) || self.may_accept();
            let rest = if is_busy { Some(Duration::ZERO) } else { self.patience(reading) };
            self.wait(&mut events, gathers.into_iter().chain(rest).min())?;
            if let Reading::Draining { until } = reading
                && self.service.has_room()
            {
                let is_quiet = events.is_empty() && self.turns.is_empty(true);
                if is_quiet || Instant::now() >= until {
                    reading = Reading::Over;
                    self.service.end_of_input();
                }
            }
        }
    }

    /// How long there may be nothing to do.
    fn patience(&self, reading: Reading) -> Option<Duration> {
        let rests = self.listeners.iter().any(Listener::rests).then_some(listener::REST);
        let drain = match reading {
            Reading::Draining { .. } if self.service.has_room() => Some(Duration::ZERO),
            Reading::Draining { .. } => Some(DRAIN),
            _ => None,
        };
        let look = self.connections.patience(Instant::now());
        [rests, drain, look].into_iter().flatten().min()
    }

    fn may_read(&self, reading: Reading) -> bool {
        reading != Reading::Over && !self.turns.is_empty(self.service.has_room())
    }

    fn may_accept(&self) -> bool {
        self.listeners.iter().any(Listener::is_ready)
    }

    fn accept(&mut self, now: Instant) {
        for listener in &mut self.listeners {
            // A newcomer ends the oldest handshake where there are many, so those that are there go on
            // before more come.
            for _ in self.turns.handshakes()..NEWCOMERS {
                let Some(peer) = listener.accept(now) else { break };
                self.connections.add(listener.door, peer, now);
            }
        }
    }

    fn read(&mut self) {
        let start = Instant::now();
        for _ in 0..ROUND {
            let Some(id) = self.turns.next(self.service.has_room()) else { break };
            self.turn(id);
            if start.elapsed() > ROUND_TIME {
                break;
            }
        }
        self.service.hand_on();
    }

    /// One connection is read a little.
    fn turn(&mut self, id: ConnectionId) {
        let Self { connections, service, scratch, turns, .. } = self;
        let Connections { open, doors, pool, .. } = connections;
        let Some(connection) = open.get_mut(&id) else { return };
        connection.is_in_line = false;
        if connection.unsent() > S::MAX_UNSENT {
            return;
        }
        let door = &mut doors[connection.door];
        let outcome = connection.turn(scratch, S::TURN, |peer, event| {
            match event {
                Event::Authorise(key) => {
                    peer.key = door.admits(key, peer.address);
                    if peer.key.is_some() { peer.zmtp.admit() } else { peer.zmtp.refuse() }
                }
                Event::Ready(_) => {
                    door.places.establish(peer.id, peer.address.into(), peer.key)?;
                    peer.is_ready = true;
                    service.ready(peer);
                }
                Event::Message(message) => service.message(peer, message, pool)?,
                Event::Subscribe(topic) => service.subscribe(peer, &topic)?,
                Event::Cancel(topic) => service.cancel(peer, &topic)?,
            }
            Ok(())
        });
        let outcome = outcome.and_then(|turn| {
            service.heard(connection, turn.bytes)?;
            Ok(turn.has_more)
        });
        match outcome {
            Ok(has_more) => {
                connection.is_in_line = has_more;
                match (has_more, connection.is_ready) {
                    (false, _) => {}
                    (true, true) => turns.has_more(id),
                    (true, false) => turns.has_handshake(id),
                }
                connections.note(id);
                connections.count_held(id);
            }
            Err(end) => connections.end(id, &end),
        }
    }

    /// Writes, and puts those in line that were not read as long as too much waited for them.
    fn flush(&mut self) {
        let Self { connections, service, turns, .. } = self;
        connections.flush(|connection| {
            if connection.has_input()
                && !connection.is_in_line
                && connection.unsent() <= S::MAX_UNSENT
            {
                connection.is_in_line = true;
                turns.has_more(connection.id);
            }
        });
        while let Some(id) = connections.take_ended() {
            service.gone(id);
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self, events: &mut Events, patience: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, patience) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        for event in events.iter() {
            let number = event.token().0;
            if number == WAKER {
                continue;
            }
            if let Some(listener) = number.checked_sub(1).and_then(|n| self.listeners.get_mut(n)) {
                listener.has_news();
                continue;
            }
            let id = ConnectionId::from_number(number);
            let Some(connection) = self.connections.get(id) else { continue };
            connection.note(event);
            if connection.has_input() && !connection.is_in_line {
                connection.is_in_line = true;
                if connection.is_ready {
                    self.turns.has_news(id);
                } else {
                    self.turns.has_handshake(id);
                }
            }
            self.connections.note(id);
        }
        Ok(())
    }

    /// The last answers get a moment to leave.
    fn linger(&mut self, events: &mut Events) -> io::Result<()> {
        let until = Instant::now() + LINGER;
        loop {
            self.flush();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.connections.has_unsent() {
                self.connections.finish();
                return Ok(());
            }
            match self.poll.poll(events, Some(left)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                outcome => outcome?,
            }
            for event in events.iter() {
                let id = ConnectionId::from_number(event.token().0);
                if let Some(connection) = self.connections.get(id) {
                    connection.note(event);
                    self.connections.note(id);
                }
            }
        }
    }
}
