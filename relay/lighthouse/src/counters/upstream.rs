//! What is counted of the relays that this one follows.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use laniakea_event::{Reason, SignerId};

use super::Count;

/// Counts since the start, of all upstreams together, and where each of them is.
#[derive(Debug, Default)]
pub(crate) struct UpstreamCounters {
    /// Events from upstreams that are on disk.
    pub(crate) accepted: Count,
    /// Events from upstreams that had been on disk before.
    pub(crate) duplicates: Count,
    /// Events from upstreams that were not taken, for whatever reason.
    pub(crate) refused: Count,
    by_reason: [Count; Reason::ALL.len()],
    states: Vec<Arc<UpstreamState>>,
}

/// Where following one upstream is.
#[derive(Debug)]
pub(crate) struct UpstreamState {
    signer: SignerId,
    /// Whether the connection to its publish endpoint is up.
    pub(crate) is_connected: AtomicBool,
    /// The position in its journal up to which everything is on disk here.
    pub(crate) seq: AtomicU64,
    /// How far its journal goes, as far as is known.
    pub(crate) last: AtomicU64,
    /// Events that it no longer had when they were asked for.
    pub(crate) lost: Count,
    /// Times at which an upstream without replay came back: what it published meanwhile is gone.
    pub(crate) unseen: Count,
}

impl UpstreamState {
    pub(crate) fn new(signer: SignerId) -> Self {
        Self {
            signer,
            is_connected: AtomicBool::new(false),
            seq: AtomicU64::new(0),
            last: AtomicU64::new(0),
            lost: Count::default(),
            unseen: Count::default(),
        }
    }

    fn snapshot(&self) -> impl Iterator<Item = (String, u64)> {
        let Self { signer, is_connected, seq, last, lost, unseen } = self;
        let seq = seq.load(Ordering::Relaxed);
        let behind = last.load(Ordering::Relaxed).saturating_sub(seq);
        [
            ("connected", u64::from(is_connected.load(Ordering::Relaxed))),
            ("seq", seq),
            ("behind", behind),
            ("lost", lost.value()),
            ("unseen", unseen.value()),
        ]
        .into_iter()
        .filter(|(name, count)| *count > 0 || !matches!(*name, "lost" | "unseen"))
        .map(move |(name, count)| (format!("upstream_{signer}_{name}"), count))
    }
}

impl UpstreamCounters {
    pub(crate) fn new(states: Vec<Arc<UpstreamState>>) -> Self {
        Self { states, ..Self::default() }
    }

    /// Counts the reason for which an event is not taken.
    pub(crate) fn because(&self, reason: Reason) {
        if let Some(count) = self.by_reason.get(reason as usize) {
            count.add(1);
        }
    }

    /// All counts by name, or none where nobody is followed.
    pub(super) fn snapshot(&self) -> BTreeMap<String, u64> {
        let Self { accepted, duplicates, refused, by_reason, states } = self;
        if states.is_empty() {
            return BTreeMap::new();
        }
        let named = [("accepted", accepted), ("duplicates", duplicates), ("refused", refused)];
        let named =
            named.into_iter().map(|(name, count)| (format!("upstream_{name}"), count.value()));
        let reasons = Reason::ALL
            .iter()
            .zip(by_reason)
            .map(|(reason, count)| (format!("upstream_refused_{reason}"), count.value()))
            .filter(|(_, count)| *count > 0);
        named.chain(reasons).chain(states.iter().flat_map(|state| state.snapshot())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_upstream_says_where_it_is_and_a_relay_without_any_says_nothing() {
        assert!(UpstreamCounters::default().snapshot().is_empty());
        let state = Arc::new(UpstreamState::new(SignerId::parse("internal").unwrap()));
        let counters = UpstreamCounters::new(vec![state.clone()]);
        state.is_connected.store(true, Ordering::Relaxed);
        state.last.store(9, Ordering::Relaxed);
        state.seq.store(4, Ordering::Relaxed);
        counters.refused.add(2);
        counters.because(Reason::Conflict);
        let names = |snapshot: BTreeMap<String, u64>| {
            snapshot.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
        };
        assert_eq!(
            names(counters.snapshot()),
            [
                "upstream_accepted 0",
                "upstream_duplicates 0",
                "upstream_internal_behind 5",
                "upstream_internal_connected 1",
                "upstream_internal_seq 4",
                "upstream_refused 2",
                "upstream_refused_conflict 1",
            ]
        );
        state.lost.add(3);
        state.unseen.add(1);
        let snapshot = counters.snapshot();
        assert_eq!(
            (snapshot["upstream_internal_lost"], snapshot["upstream_internal_unseen"]),
            (3, 1)
        );
    }
}
