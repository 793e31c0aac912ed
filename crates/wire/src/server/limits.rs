//! What the connections of a server come to: counted, and told in the log where it is somebody's
//! fault.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use laniakea_zmtp::{ConnectionError, LimitError};

use super::stream::Address;
use crate::curve::CurveKey;

/// Why a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server has as many as it may.
    TooMany,
    /// As many come from its address as may.
    Address,
    /// As many have its key as may.
    Key,
    /// A message is too long, or goes on and on, or too much of too many is not finished.
    Unfinished,
    /// It wants too much, or what no event's id begins with.
    Subscriptions,
    /// It says more than a subscriber has to say.
    Messages,
    /// Its key is no longer trusted.
    Revoked,
    /// Its host does not answer any more.
    Vanished,
    /// It does not take what it asked for, and others need the room.
    Unread,
    /// It did not finish the handshake in time, or was the slowest of too many.
    Handshake,
    /// What it said is no ZMTP, or is not for us.
    Malformed,
}

impl Cut {
    fn reason(self) -> &'static str {
        match self {
            Self::TooMany => "too many connections",
            Self::Address => "too many connections from its address",
            Self::Key => "too many connections with its key",
            Self::Unfinished => "a message that is too long, or too much that is not finished",
            Self::Subscriptions => "too many subscriptions",
            Self::Messages => "more messages than a subscriber needs to send",
            Self::Revoked => "its key is not trusted any more",
            Self::Vanished => "its host does not answer any more",
            Self::Unread => "it does not read what it asked for",
            Self::Handshake => "no handshake in time",
            Self::Malformed => "what came is not for us",
        }
    }
}

/// What the connections of a server have come to, for all of its endpoints together.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    open: AtomicU64,
    too_many: AtomicU64,
    address: AtomicU64,
    key: AtomicU64,
    unfinished: AtomicU64,
    subscriptions: AtomicU64,
    messages: AtomicU64,
    revoked: AtomicU64,
    vanished: AtomicU64,
    malformed: AtomicU64,
    unread: AtomicU64,
    failed_handshakes: AtomicU64,
    lost_events: AtomicU64,
    /// At present.
    subscribed: Arc<AtomicI64>,
}

impl ConnectionCounters {
    /// Each count and its name.
    pub fn snapshot(&self) -> [(&'static str, u64); 13] {
        [
            ("connections", &self.open),
            ("cut_too_many", &self.too_many),
            ("cut_address", &self.address),
            ("cut_key", &self.key),
            ("cut_unfinished", &self.unfinished),
            ("cut_subscriptions", &self.subscriptions),
            ("cut_messages", &self.messages),
            ("cut_revoked", &self.revoked),
            ("cut_vanished", &self.vanished),
            ("cut_malformed", &self.malformed),
            ("cut_unread", &self.unread),
            ("failed_handshakes", &self.failed_handshakes),
            ("lost_events", &self.lost_events),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// Subscriptions at present, each connection's counted.
    pub(crate) fn subscribed(&self) -> Arc<AtomicI64> {
        self.subscribed.clone()
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// A connection was ended on purpose.
    pub(crate) fn cut(&self, why: Cut, address: Address, key: Option<CurveKey>) {
        let count = match why {
            Cut::TooMany => &self.too_many,
            Cut::Address => &self.address,
            Cut::Key => &self.key,
            Cut::Unfinished => &self.unfinished,
            Cut::Subscriptions => &self.subscriptions,
            Cut::Messages => &self.messages,
            Cut::Revoked => &self.revoked,
            Cut::Vanished => &self.vanished,
            Cut::Unread => &self.unread,
            Cut::Handshake => &self.failed_handshakes,
            Cut::Malformed => &self.malformed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        let key = key.map(tracing::field::display);
        tracing::info!(%address, key, reason = why.reason(), "cut a connection");
    }

    /// A peer said what cannot be understood, or is not let in.
    pub(crate) fn refused(&self, is_ready: bool, address: Address, error: &ConnectionError) {
        let (count, reason) = match error {
            ConnectionError::Limit(LimitError::MessageBytes(_) | LimitError::MessageFrames(_)) => {
                (&self.unfinished, Cut::Unfinished.reason())
            }
            _ if is_ready => (&self.malformed, Cut::Malformed.reason()),
            _ => (&self.failed_handshakes, "the handshake failed"),
        };
        count.fetch_add(1, Ordering::Relaxed);
        // The reasons are few, and what a stranger can choose is none: the log is sampled by them.
        tracing::info!(%address, reason, %error, "cut a connection");
    }

    /// So many subscriptions more, or less.
    pub(crate) fn count_subscriptions(&self, count: usize, sign: i64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.subscribed.fetch_add(sign * count, Ordering::Relaxed);
    }

    /// A subscriber did not get these.
    pub(crate) fn lost(&self, events: u64) {
        self.lost_events.fetch_add(events, Ordering::Relaxed);
    }
}
