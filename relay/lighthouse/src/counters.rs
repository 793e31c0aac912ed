//! What the relay counts. `lk status` shows it.

mod upstream;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use laniakea_event::Reason;
use laniakea_wire::ConnectionCounters;

use self::upstream::UpstreamCounters;
pub(crate) use self::upstream::UpstreamState;

/// Counts since the start, shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Events that arrived, whatever became of them.
    pub(crate) submitted: Count,
    /// Events that are on disk.
    pub(crate) accepted: Count,
    /// Events that had been on disk before.
    pub(crate) duplicates: Count,
    /// Events without a reply that found their waiting line full, or the journal.
    pub(crate) lost: Count,
    /// Events that were handed to the publish socket.
    pub(crate) published: Count,
    /// Replay requests that were answered.
    pub(crate) replayed: Count,
    /// Events that were found damaged in the journal.
    pub(crate) damaged_events: Count,
    /// What comes from relays that this one follows; it is in none of the other counts of events
    /// that come in.
    pub(crate) upstream: UpstreamCounters,
    rejected: [Count; Reason::ALL.len()],
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Counts for a relay that follows these.
    pub(crate) fn new(upstreams: Vec<Arc<UpstreamState>>) -> Self {
        Self { upstream: UpstreamCounters::new(upstreams), ..Self::default() }
    }

    pub(crate) fn reject(&self, reason: Reason) {
        // `ALL` holds the variants in the order in which they are declared.
        if let Some(count) = self.rejected.get(reason as usize) {
            count.add(1);
        }
    }

    /// All counts by name; rejections that never happened are left out.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, u64> {
        let Self {
            submitted,
            accepted,
            duplicates,
            lost,
            published,
            replayed,
            damaged_events,
            upstream,
            rejected,
        } = self;
        let named = [
            ("submitted", submitted),
            ("accepted", accepted),
            ("duplicates", duplicates),
            ("lost", lost),
            ("published", published),
            ("replayed", replayed),
            ("damaged_events", damaged_events),
        ];
        let named = named.map(|(name, count)| (name.to_owned(), count.value()));
        let rejected = Reason::ALL
            .iter()
            .zip(rejected)
            .map(|(reason, count)| (format!("rejected_{reason}"), count.value()));
        let rejected = rejected.filter(|(_, count)| *count > 0);
        named.into_iter().chain(rejected).chain(upstream.snapshot()).collect()
    }
}

/// Counts that the sockets keep themselves.
#[derive(Debug, Clone)]
pub(crate) struct SocketCounters {
    pub(crate) malformed: Arc<AtomicU64>,
    /// Clients whose CURVE key is not trusted.
    pub(crate) refused_keys: Arc<AtomicU64>,
    /// By socket.
    pub(crate) connections: [(&'static str, Arc<ConnectionCounters>); 3],
    pub(crate) dropped_replies: Arc<AtomicU64>,
    pub(crate) dropped_answers: Arc<AtomicU64>,
    pub(crate) subscriptions: Arc<AtomicI64>,
}

impl SocketCounters {
    pub(crate) fn snapshot(&self) -> BTreeMap<String, u64> {
        let subscriptions = self.subscriptions.load(Ordering::Relaxed).max(0).unsigned_abs();
        let own = [
            ("malformed", self.malformed.load(Ordering::Relaxed)),
            ("refused_keys", self.refused_keys.load(Ordering::Relaxed)),
            ("dropped_replies", self.dropped_replies.load(Ordering::Relaxed)),
            ("dropped_answers", self.dropped_answers.load(Ordering::Relaxed)),
            ("subscriptions", subscriptions),
        ]
        .map(|(name, count)| (name.to_owned(), count));
        // What never happened is left out, as among the rejections.
        let of_socket = |(socket, counters): &(&'static str, Arc<ConnectionCounters>)| {
            let counts = counters.snapshot().into_iter();
            let happened = counts.filter(|(name, count)| *count > 0 || *name == "connections");
            let named = |(name, count): (&str, u64)| (format!("{socket}_{name}"), count);
            happened.map(named).collect::<Vec<_>>()
        };
        own.into_iter().chain(self.connections.iter().flat_map(of_socket)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rejection_is_counted_under_its_own_name() {
        let counters = Counters::default();
        for (times, reason) in Reason::ALL.iter().enumerate() {
            (0..=times).for_each(|_| counters.reject(*reason));
        }
        let snapshot = counters.snapshot();
        for (times, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(snapshot[&format!("rejected_{reason}")], times as u64 + 1);
        }
    }
}
