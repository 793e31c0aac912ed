//! All connections of a server, and the limits on them.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use laniakea_zmtp as zmtp;
use mio::{Registry, Token};

use super::{
    connection::{Connection, ConnectionId, End},
    cores::in_parallel,
    doors::Door,
    limits::{ConnectionCounters, Cut},
    outbox::{Block, Pool},
    stream::{Address, Reach, Stream},
};
use crate::random;

/// The longest that a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(3);
/// How often connections are looked at while handshakes are not done, and at other times.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_millis(500);
/// Bytes of messages that are not finished, over all connections.
const MAX_UNFINISHED: usize = 16 << 20;

pub(crate) struct Connections {
    pub(super) open: BTreeMap<ConnectionId, Connection>,
    next: usize,
    pub(crate) doors: Vec<Door>,
    /// What waits for all of them.
    pub(crate) pool: Pool,
    /// Connections for which there is something to write.
    noted: Vec<ConnectionId>,
    /// Connections that have ended, until somebody asked.
    ended: Vec<ConnectionId>,
    /// Bytes that they hold of what is not finished.
    held: usize,
    /// Some of them wait for acknowledgements.
    is_awaiting: bool,
    next_look: Instant,
    registry: Registry,
    pub(crate) counters: Arc<ConnectionCounters>,
}

impl Connections {
    /// `first`: the tokens below are somebody else's.
    pub(crate) fn new(
        doors: Vec<Door>,
        pool: Pool,
        registry: Registry,
        first: usize,
        counters: Arc<ConnectionCounters>,
    ) -> Self {
        Self {
            open: BTreeMap::new(),
            next: first,
            doors,
            pool,
            noted: Vec::new(),
            ended: Vec::new(),
            held: 0,
            is_awaiting: false,
            next_look: Instant::now(),
            registry,
            counters,
        }
    }

    pub(crate) fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.open.get_mut(&id)
    }

    /// Takes in a new connection, or turns it away.
    pub(crate) fn add(&mut self, door: usize, peer: (Stream, Address), now: Instant) {
        match self.doors[door].places.room_for(peer.1.into()) {
            Ok(None) => {}
            Ok(Some((slowest, cut))) => self.end(slowest, &End::Cut(cut)),
            Err(cut) => {
                peer.0.reset_on_close();
                self.counters.cut(cut, peer.1, None);
                return;
            }
        }
        self.counters.opened();
        let id = ConnectionId::from_number(self.next);
        self.next += 1;
        self.doors[door].places.come(id, peer.1.into());
        let zmtp = zmtp::Connection::new(&self.doors[door].setup, &mut random::fill);
        let mut connection = Connection::new(id, door, peer, zmtp, now);
        let registered = connection.stream.register(&self.registry, Token(id.number()));
        self.open.insert(id, connection);
        match registered {
            Ok(()) => self.note(id),
            Err(error) => self.end(id, &End::from(error)),
        }
    }

    /// There is something to write to it.
    pub(crate) fn note(&mut self, id: ConnectionId) {
        if let Some(connection) = self.open.get_mut(&id)
            && !connection.is_noted
        {
            connection.is_noted = true;
            self.noted.push(id);
        }
    }

    /// Puts a message at the end of what waits for a connection, unless more waits for it than may.
    /// Where too much waits for all of them, those go that have taken nothing for the longest.
    pub(crate) fn send<F: AsRef<[u8]>>(
        &mut self,
        id: ConnectionId,
        frames: &[F],
        most: usize,
    ) -> bool {
        if self.open.get(&id).is_none_or(|connection| connection.unsent() > most) {
            return false;
        }
        let bytes: usize = frames.iter().map(|frame| frame.as_ref().len()).sum();
        while self.pool.share() < bytes
            && let Some(slowest) = self.slowest()
        {
            self.end(slowest, &End::Cut(Cut::Unread));
        }
        let Some(connection) = self.open.get_mut(&id) else { return false };
        connection.send([frames], &self.pool);
        self.note(id);
        true
    }

    fn slowest(&self) -> Option<ConnectionId> {
        let waiting = self.open.values().filter(|connection| connection.unsent() > 0);
        let slowest = waiting.min_by_key(|connection| connection.took_at);
        slowest.map(|connection| connection.id)
    }

    /// Has something sealed for each of these, on so many threads: they know nothing of each other.
    /// They are in the order of their ids.
    pub(crate) fn seal<T: Copy + Send>(
        &mut self,
        wanted: &[(ConnectionId, T)],
        threads: usize,
        seal: impl Fn(&mut Connection, T, &Pool) + Sync,
    ) {
        let (Some((first, _)), Some((last, _))) = (wanted.first(), wanted.last()) else { return };
        let Self { open, pool, .. } = self;
        let mut wanted_by = wanted.iter().peekable();
        let peers = open.range_mut(first..=last).filter_map(|(id, peer)| {
            let (_, what) = wanted_by.next_if(|(wanted, _)| wanted == id)?;
            Some((peer, *what))
        });
        in_parallel(&mut peers.collect::<Vec<_>>(), threads, |(peer, what)| {
            seal(peer, *what, pool);
        });
        for (id, _) in wanted {
            self.note(*id);
        }
    }

    /// The same for messages that were encoded for many.
    pub(crate) fn push(&mut self, id: ConnectionId, block: Arc<Block>) {
        if let Some(connection) = self.open.get_mut(&id) {
            connection.push(block);
            self.note(id);
        }
    }

    /// Writes to all connections for which there is something to write. Hands out those of which the
    /// kernel has taken everything or something.
    pub(crate) fn flush(&mut self, mut written: impl FnMut(&mut Connection)) {
        for id in std::mem::take(&mut self.noted) {
            let Some(connection) = self.open.get_mut(&id) else { continue };
            connection.is_noted = false;
            let outcome = connection.flush(&self.pool);
            self.is_awaiting |= connection.is_awaited;
            match outcome {
                Ok(()) => written(connection),
                Err(end) => self.end(id, &end),
            }
        }
    }

    /// Whether anything waits that the kernel has not taken.
    pub(crate) fn has_unsent(&self) -> bool {
        self.open.values().any(|connection| connection.unsent() > 0)
    }

    /// After a turn: what a connection holds of messages that are not finished. Where all of them
    /// hold too much, those go that hold most.
    pub(crate) fn count_held(&mut self, id: ConnectionId) {
        if let Some(connection) = self.open.get_mut(&id) {
            let held = connection.held_bytes();
            self.held = self.held - connection.counted + held;
            connection.counted = held;
        }
        while self.held > MAX_UNFINISHED
            && let Some(most) = self.open.values().max_by_key(|connection| connection.counted)
        {
            let id = most.id;
            self.end(id, &End::Cut(Cut::Unfinished));
        }
    }

    /// Ends a connection, and says why where it is somebody's fault.
    pub(crate) fn end(&mut self, id: ConnectionId, why: &End) {
        let Some(mut connection) = self.open.remove(&id) else { return };
        self.held -= connection.counted;
        let from = connection.address.into();
        self.doors[connection.door].places.leave(id, from, connection.key);
        self.counters.closed();
        self.ended.push(id);
        match why {
            End::Gone => {}
            End::Cut(cut) => {
                self.counters.cut(*cut, connection.address, connection.key);
                connection.stream.reset_on_close();
            }
            End::Protocol(error) => {
                self.counters.refused(connection.is_ready, connection.address, error);
                // Whoever need not try again is told so.
                connection.flush(&self.pool).unwrap_or_default();
                connection.stream.finish();
            }
        }
    }

    /// A connection that has ended and has not been asked for yet.
    pub(crate) fn take_ended(&mut self) -> Option<ConnectionId> {
        self.ended.pop()
    }

    /// Ends connections whose key is no longer known, whose handshake takes too long, and whose host
    /// does not answer.
    pub(crate) fn look(&mut self, now: Instant) {
        self.cut_revoked();
        if now < self.next_look {
            return;
        }
        self.next_look = now + self.interval();
        if !self.has_half_open() && !self.is_awaiting {
            return;
        }
        self.is_awaiting = false;
        let mut cut = Vec::new();
        for connection in self.open.values_mut() {
            if !connection.is_ready && now >= connection.opened_at + HANDSHAKE {
                cut.push((connection.id, Cut::Handshake));
            }
            if connection.is_awaited {
                let reach = connection.stream.reach();
                if reach == Reach::Vanished {
                    cut.push((connection.id, Cut::Vanished));
                }
                connection.is_awaited = reach != Reach::Good;
                self.is_awaiting |= connection.is_awaited;
            }
        }
        for (id, cut) in cut {
            self.end(id, &End::Cut(cut));
        }
    }

    fn has_half_open(&self) -> bool {
        self.doors.iter().any(|door| door.places.has_half_open())
    }

    fn interval(&self) -> Duration {
        if self.has_half_open() { SOON } else { LATER }
    }

    /// How long the loop may sleep.
    pub(crate) fn patience(&self, now: Instant) -> Option<Duration> {
        let is_guarded = self.doors.iter().any(Door::is_guarded) && !self.open.is_empty();
        let needs_look = is_guarded || self.has_half_open() || self.is_awaiting;
        let left = self.next_look.saturating_duration_since(now).min(self.interval());
        needs_look.then(|| left.max(Duration::from_millis(1)))
    }

    fn cut_revoked(&mut self) {
        let mut revoked = Vec::new();
        for (number, door) in self.doors.iter_mut().enumerate() {
            let Some(clients) = door.changed() else { continue };
            let known = clients.current();
            let is_revoked = |connection: &&Connection| {
                connection.door == number
                    && connection.key.is_some_and(|key| !known.contains_key(&key))
            };
            let gone = self.open.values().filter(is_revoked);
            revoked.extend(gone.map(|connection| connection.id));
        }
        for id in revoked {
            self.end(id, &End::Cut(Cut::Revoked));
        }
    }

    /// Closes all of them in good order.
    pub(crate) fn finish(&mut self) {
        while let Some((_, connection)) = self.open.pop_first() {
            connection.stream.finish();
            self.counters.closed();
        }
    }
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}
