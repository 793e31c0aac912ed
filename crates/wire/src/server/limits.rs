//! What the connections of a server come to: counted, and told in the log where it is somebody's
//! fault.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use laniakea_zmtp::{ConnectionError, LimitError};

use super::stream::Address;

/// Lines that the log gets at once, ...
const LINES: u32 = 20;
/// ... and how soon one more.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// Why a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server has as many as it may.
    TooMany,
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
    /// It did not finish the handshake in time.
    Handshake,
    /// What it said is no ZMTP, or is not for us.
    Malformed,
}

impl Cut {
    fn reason(self) -> &'static str {
        match self {
            Self::TooMany => "too many connections",
            Self::Unfinished => "a message that is too long, or too much that is not finished",
            Self::Subscriptions => "too many subscriptions, or too long ones",
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
    lines: Mutex<Lines>,
}

impl ConnectionCounters {
    /// Each count and its name.
    pub fn snapshot(&self) -> [(&'static str, u64); 11] {
        [
            ("connections", &self.open),
            ("cut_too_many", &self.too_many),
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
    pub(crate) fn cut(&self, why: Cut, address: Address) {
        let count = match why {
            Cut::TooMany => &self.too_many,
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
        if let Some(unsaid) = self.may_log() {
            tracing::info!(%address, reason = why.reason(), unsaid, "cut a connection");
        }
    }

    /// A peer said what cannot be understood, or is not let in.
    pub(crate) fn refused(&self, is_ready: bool, address: Address, error: &ConnectionError) {
        let count = match error {
            ConnectionError::Limit(LimitError::MessageBytes(_) | LimitError::MessageFrames(_)) => {
                &self.unfinished
            }
            _ if is_ready => &self.malformed,
            _ => &self.failed_handshakes,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(unsaid) = self.may_log() {
            tracing::info!(%address, reason = %error, unsaid, "cut a connection");
        }
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

    /// Strangers must not fill the log: whether there may be a line now, and how many were left out
    /// since the last one.
    pub(crate) fn may_log(&self) -> Option<u64> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }
}

/// The lines that may still be written.
#[derive(Debug, Default)]
struct Lines {
    written: u32,
    /// Since when `written` counts.
    since: Option<Instant>,
    left_out: u64,
}

impl Lines {
    fn take(&mut self, now: Instant) -> Option<u64> {
        let since = *self.since.get_or_insert(now);
        let earned = now.saturating_duration_since(since).as_secs() / LINE_EVERY.as_secs();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.written = self.written.saturating_sub(earned);
            self.since = Some(now);
        }
        if self.written >= LINES {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_do_not_fill_the_log() {
        let start = Instant::now();
        let mut lines = Lines::default();
        let written = (0..1_000).filter(|_| lines.take(start).is_some()).count();
        assert_eq!(written, 20);
        assert_eq!(lines.take(start + Duration::from_secs(1)), Some(980));
        assert_eq!(lines.take(start + Duration::from_secs(1)), None);
        let later = start + Duration::from_hours(1);
        assert_eq!((0..1_000).filter(|_| lines.take(later).is_some()).count(), 20);
    }
}
