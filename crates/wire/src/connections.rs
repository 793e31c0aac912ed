//! The connections of a server's socket, and the limits on them.
//!
//! libzmq bounds a frame and the number of whole messages that wait. It bounds neither the
//! connections, nor the frames of a message that never ends, nor the subscriptions of a peer, and
//! it asks about a client's key only once. All of that is looked at here, by the thread that owns
//! the socket: ZeroMQ reports connections with their descriptors, each message says over which it
//! came, and the kernel tells how many bytes have come over it. Whoever goes too far is cut.

mod allowance;
mod presence;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::RawFd,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use self::allowance::Allowance;
pub(crate) use self::presence::Presence;
use crate::{
    curve::{Clients, CurveKey},
    listen::ConnectionLimits,
    socket::{HandshakeFailure, MonitoredSocket, RECEIVE_BUFFER, Received, Report},
    sys,
};

/// How often the connections are looked at.
const INTERVAL: Duration = Duration::from_millis(100);
/// Bytes of messages that are not finished, over all connections. A frame of two bytes takes 64
/// bytes of memory while its message is not finished.
const MAX_UNFINISHED: u64 = 16 << 20;
/// Bytes of whole messages that wait to be read, over all connections.
const MAX_UNREAD: u64 = 256 << 20;
/// A peer's host has vanished when it has not acknowledged so many repetitions in a row: some 25
/// seconds.
const REPETITIONS: u8 = 7;
/// A peer's heartbeats are no messages; so many bytes of them are forgiven each time.
const HEARTBEATS: u64 = 1;
/// No event's id is longer, nor is what can begin one.
const MAX_TOPIC_BYTES: usize = 128;

/// What the connections of a server have come to, for all of its sockets together.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    open: AtomicU64,
    too_many: AtomicU64,
    unfinished: AtomicU64,
    subscriptions: AtomicU64,
    messages: AtomicU64,
    revoked: AtomicU64,
    vanished: AtomicU64,
    failed_handshakes: AtomicU64,
    /// At present.
    subscribed: Arc<AtomicI64>,
}

impl ConnectionCounters {
    /// Each count and its name.
    pub fn snapshot(&self) -> [(&'static str, u64); 8] {
        [
            ("connections", &self.open),
            ("cut_too_many", &self.too_many),
            ("cut_unfinished", &self.unfinished),
            ("cut_subscriptions", &self.subscriptions),
            ("cut_messages", &self.messages),
            ("cut_revoked", &self.revoked),
            ("cut_vanished", &self.vanished),
            ("failed_handshakes", &self.failed_handshakes),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// Subscriptions at present, each connection's counted.
    pub(crate) fn subscribed(&self) -> Arc<AtomicI64> {
        self.subscribed.clone()
    }
}

/// Why a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    TooMany,
    Unfinished,
    Subscriptions,
    Messages,
    Revoked,
    Vanished,
}

pub(crate) struct Connections {
    open: BTreeMap<RawFd, Connection>,
    /// Connections so far.
    accepted: u64,
    limits: ConnectionLimits,
    /// Bytes that may come over one connection before a message is finished.
    max_unfinished: u64,
    /// Who may be there, where that matters.
    clients: Option<Clients>,
    /// Of the clients, when they were looked at last.
    version: u64,
    counters: Arc<ConnectionCounters>,
    next_look: Instant,
}

struct Connection {
    /// Counts up from one connection to the next.
    number: u64,
    /// By which the kernel knows it.
    cookie: u64,
    /// Of the bytes that came, those that belong to messages which were read.
    taken: u64,
    /// A message of it was read since the last look.
    has_spoken: bool,
    /// A set, as for ZeroMQ: to subscribe again to the same changes nothing.
    subscriptions: BTreeSet<Box<[u8]>>,
    allowance: Allowance,
    presence: Presence,
    user: Option<CurveKey>,
}

impl Connections {
    pub(crate) fn new(
        limits: ConnectionLimits,
        max_message_bytes: i64,
        clients: Option<Clients>,
        counters: Arc<ConnectionCounters>,
    ) -> Self {
        // The longest frame, what the kernel may hold back of the next message, and small frames.
        let max_unfinished = max_message_bytes.unsigned_abs()
            + 2 * u64::from(RECEIVE_BUFFER.unsigned_abs())
            + (64 << 10);
        Self {
            open: BTreeMap::new(),
            accepted: 0,
            limits,
            max_unfinished,
            clients,
            version: 0,
            counters,
            next_look: Instant::now(),
        }
    }

    /// Takes in what ZeroMQ reports. It comes before everything else that is done here, so that a
    /// descriptor which was closed and given to somebody else is not taken for the old one.
    pub(crate) fn read_reports(&mut self, socket: &MonitoredSocket) -> Result<(), zmq::Error> {
        while let Some(report) = socket.report()? {
            match report {
                Report::Opened(descriptor) => self.accepted(descriptor),
                Report::Disconnected(descriptor) => self.forget(descriptor),
                Report::Failed(failure) => {
                    self.counters.failed_handshakes.fetch_add(1, Ordering::Relaxed);
                    if failure == HandshakeFailure::NotUnderstood {
                        tracing::debug!("a peer did not complete the handshake");
                    }
                }
                Report::Connected => {}
            }
        }
        let too_many = self.open.len().saturating_sub(self.limits.connections);
        if too_many > 0 {
            let numbers =
                self.open.iter().map(|(descriptor, connection)| (connection.number, *descriptor));
            let mut newest: Vec<(u64, RawFd)> = numbers.collect();
            newest.sort_unstable();
            for (_, descriptor) in newest.into_iter().rev().take(too_many) {
                self.cut(descriptor, Cut::TooMany);
            }
        }
        Ok(())
    }

    fn accepted(&mut self, descriptor: RawFd) {
        // No cookie: it is closed already, and a report of that follows.
        if let Some(cookie) = sys::cookie(descriptor) {
            self.accepted += 1;
            let connection = Connection {
                number: self.accepted,
                cookie,
                taken: 0,
                has_spoken: false,
                subscriptions: BTreeSet::new(),
                allowance: Allowance::new(self.limits.subscriptions, Instant::now()),
                presence: Presence::default(),
                user: None,
            };
            self.forget(descriptor);
            self.open.insert(descriptor, connection);
            self.counters.open.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn forget(&mut self, descriptor: RawFd) {
        if let Some(connection) = self.open.remove(&descriptor) {
            connection.presence.end();
            self.counters.open.fetch_sub(1, Ordering::Relaxed);
            self.count_subscriptions(connection.subscriptions.len(), -1);
        }
    }

    fn count_subscriptions(&self, count: usize, sign: i64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.counters.subscribed.fetch_add(sign * count, Ordering::Relaxed);
    }

    /// The connection that a message came over. It may have been made since the reports were read,
    /// and nothing that it says shall go uncounted for that.
    pub(crate) fn sender_of(
        &mut self,
        message: &mut Received,
        socket: &MonitoredSocket,
    ) -> Result<Option<RawFd>, zmq::Error> {
        let descriptor = message.descriptor();
        if descriptor.is_some_and(|descriptor| !self.open.contains_key(&descriptor)) {
            self.read_reports(socket)?;
        }
        Ok(descriptor)
    }

    /// Whether the peer at the other end is still there, for those who work for it.
    pub(crate) fn presence(&self, descriptor: Option<RawFd>) -> Presence {
        match descriptor.and_then(|descriptor| self.open.get(&descriptor)) {
            Some(connection) => connection.presence.clone(),
            // Old kernels have no cookies, and then no connection is ever known.
            None if self.accepted == 0 => Presence::default(),
            None => Presence::ended(),
        }
    }

    /// Whether it matters by which key a message came.
    pub(crate) fn wants_users(&self) -> bool {
        self.clients.is_some()
    }

    /// A whole message of so many bytes came over this connection. Whether it may be used: on an
    /// encrypted connection its key must still be known.
    pub(crate) fn heard(
        &mut self,
        descriptor: Option<RawFd>,
        bytes: u64,
        user: Option<&str>,
    ) -> bool {
        let user = user.and_then(|user| CurveKey::parse(user).ok());
        if let Some(connection) = descriptor.and_then(|descriptor| self.open.get_mut(&descriptor)) {
            connection.taken += bytes;
            connection.has_spoken = true;
            connection.user = user;
        }
        let Some(clients) = &self.clients else { return true };
        let is_known = user.is_some_and(|user| clients.current().contains_key(&user));
        if !is_known && let Some(descriptor) = descriptor {
            self.cut(descriptor, Cut::Revoked);
        }
        is_known
    }

    /// Something came from a subscriber, whatever it is: the longest reason to talk is to subscribe
    /// to everything anew.
    pub(crate) fn spoke(&mut self, descriptor: Option<RawFd>, frames: usize) {
        let Some(descriptor) = descriptor else { return };
        let Some(connection) = self.open.get_mut(&descriptor) else { return };
        if !connection.allowance.take(frames, Instant::now()) {
            self.cut(descriptor, Cut::Messages);
        }
    }

    /// A connection subscribed to something.
    pub(crate) fn subscribed(&mut self, descriptor: Option<RawFd>, topic: &[u8]) {
        let Some(descriptor) = descriptor else { return };
        let Some(connection) = self.open.get_mut(&descriptor) else { return };
        let is_too_long = topic.len() > MAX_TOPIC_BYTES;
        let is_new = !is_too_long && connection.subscriptions.insert(topic.into());
        let is_too_many = connection.subscriptions.len() > self.limits.subscriptions;
        self.count_subscriptions(is_new.into(), 1);
        if is_too_long || is_too_many {
            self.cut(descriptor, Cut::Subscriptions);
        }
    }

    /// A connection does not subscribe to something any more, if it ever did.
    pub(crate) fn unsubscribed(&mut self, descriptor: Option<RawFd>, topic: &[u8]) {
        let connection = descriptor.and_then(|descriptor| self.open.get_mut(&descriptor));
        if connection.is_some_and(|connection| connection.subscriptions.remove(topic)) {
            self.count_subscriptions(1, -1);
        }
    }

    /// How long the thread may sleep, in milliseconds.
    pub(crate) fn patience(&self) -> i64 {
        if self.open.is_empty() {
            return -1;
        }
        let left = self.next_look.saturating_duration_since(Instant::now());
        i64::try_from(left.as_millis()).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Looks at all connections if it is time. `is_drained`: every whole message that had arrived
    /// was read.
    pub(crate) fn look(&mut self, is_drained: bool) {
        let now = Instant::now();
        if now < self.next_look {
            return;
        }
        self.next_look = now + INTERVAL;
        self.cut_revoked();
        let mut unread: Vec<(u64, RawFd)> = Vec::new();
        let mut vanished = Vec::new();
        for (descriptor, connection) in &mut self.open {
            let facts = sys::tcp_facts(*descriptor);
            if facts.is_some_and(|facts| facts.has_vanished(REPETITIONS)) {
                vanished.push(*descriptor);
            }
            let received = facts.map_or(0, |facts| facts.bytes_received);
            if is_drained && std::mem::take(&mut connection.has_spoken) {
                connection.taken = received;
            }
            connection.taken = connection.taken.saturating_add(HEARTBEATS).min(received);
            unread.push((received - connection.taken, *descriptor));
        }
        let max_total = if is_drained { MAX_UNFINISHED } else { MAX_UNREAD };
        let mut total: u64 = unread.iter().map(|(bytes, _)| bytes).sum();
        unread.sort_unstable();
        while let Some((bytes, descriptor)) = unread.pop() {
            let is_too_long = is_drained && bytes > self.max_unfinished;
            if !is_too_long && total <= max_total {
                break;
            }
            total -= bytes;
            self.cut(descriptor, Cut::Unfinished);
        }
        for descriptor in vanished {
            self.cut(descriptor, Cut::Vanished);
        }
    }

    /// Cuts the connections of keys that are no longer known.
    fn cut_revoked(&mut self) {
        let Some(clients) = &self.clients else { return };
        let version = clients.version();
        if version == self.version {
            return;
        }
        self.version = version;
        let known = clients.current();
        let is_revoked = |connection: &Connection| {
            connection.user.as_ref().is_some_and(|user| !known.contains_key(user))
        };
        let revoked: Vec<RawFd> = self
            .open
            .iter()
            .filter(|(_, connection)| is_revoked(connection))
            .map(|(descriptor, _)| *descriptor)
            .collect();
        for descriptor in revoked {
            self.cut(descriptor, Cut::Revoked);
        }
    }

    fn cut(&mut self, descriptor: RawFd, why: Cut) {
        let Some(connection) = self.open.get(&descriptor) else { return };
        let is_still_it = sys::cookie(descriptor) == Some(connection.cookie);
        let count = match why {
            Cut::TooMany => &self.counters.too_many,
            Cut::Unfinished => &self.counters.unfinished,
            Cut::Subscriptions => &self.counters.subscriptions,
            Cut::Messages => &self.counters.messages,
            Cut::Revoked => &self.counters.revoked,
            Cut::Vanished => &self.counters.vanished,
        };
        count.fetch_add(1, Ordering::Relaxed);
        tracing::info!(reason = ?why, "cut a connection");
        self.forget(descriptor);
        if is_still_it {
            sys::cut(descriptor);
        }
    }
}
