//! Digests of events that some relays have delivered and others not yet.

use std::collections::{BTreeMap, VecDeque};

use laniakea_event::Digest;

/// Some 100 MB, if one relay is away for so long that it comes to that.
const CAPACITY: usize = 1_000_000;
/// Forgotten places in the line that are not worth clearing away.
const SLACK: usize = 1_024;

/// Remembers who has delivered what, until all have.
pub(super) struct Unmatched {
    /// A bit for each relay; those beyond the 64th share the last.
    all: u64,
    by: BTreeMap<Digest, u64>,
    /// In the order in which they came first; some are matched by now.
    line: VecDeque<Digest>,
    capacity: usize,
}

impl Unmatched {
    /// For so many relays.
    pub(super) fn of(relays: usize) -> Self {
        let all = (0..relays).fold(0, |all, relay| all | bit(relay));
        Self { all, by: BTreeMap::new(), line: VecDeque::new(), capacity: CAPACITY }
    }

    /// Notes that a relay delivered an event; says whether it is the first to.
    pub(super) fn is_new(&mut self, relay: usize, digest: Digest) -> bool {
        if self.all == bit(relay) {
            return true;
        }
        let Some(by) = self.by.get_mut(&digest) else {
            self.by.insert(digest, bit(relay));
            self.line.push_back(digest);
            self.bound();
            return true;
        };
        *by |= bit(relay);
        if *by == self.all {
            self.by.remove(&digest);
            self.tidy();
        }
        false
    }

    /// The oldest is forgotten first.
    fn bound(&mut self) {
        while self.by.len() > self.capacity
            && let Some(oldest) = self.line.pop_front()
        {
            self.by.remove(&oldest);
        }
    }

    fn tidy(&mut self) {
        if self.line.len() > 2 * self.by.len() + SLACK {
            let Self { by, line, .. } = self;
            line.retain(|digest| by.contains_key(digest));
        }
    }
}

fn bit(relay: usize) -> u64 {
    1 << relay.min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        Digest::of(&number.to_be_bytes())
    }

    #[test]
    fn an_event_is_new_once_whoever_has_it_first() {
        let mut unmatched = Unmatched::of(3);
        for (relay, number, is_new) in
            [(0, 1, true), (1, 1, false), (2, 2, true), (0, 2, false), (2, 1, false), (1, 2, false)]
        {
            assert_eq!(unmatched.is_new(relay, digest(number)), is_new, "{number} of {relay}");
        }
        assert!(unmatched.by.is_empty(), "all have delivered both");
    }

    #[test]
    fn one_relay_needs_no_memory() {
        let mut unmatched = Unmatched::of(1);
        assert!((0..10).all(|number| unmatched.is_new(0, digest(number))));
        assert!(unmatched.by.is_empty() && unmatched.line.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_matched_is_forgotten() {
        let mut unmatched = Unmatched { capacity: 5_000, ..Unmatched::of(2) };
        assert!((0..9_000).all(|number| unmatched.is_new(0, digest(number))));
        assert_eq!(unmatched.by.len(), 5_000);
        // The newest are known, the oldest were forgotten.
        assert!((4_000..9_000).all(|number| !unmatched.is_new(1, digest(number))));
        assert!(unmatched.by.is_empty() && unmatched.line.len() <= SLACK);
        assert!(unmatched.is_new(1, digest(0)));
        for number in 10_000..100_000 {
            unmatched.is_new(0, digest(number));
            unmatched.is_new(1, digest(number));
        }
        assert!(unmatched.line.len() <= 2 * unmatched.by.len() + SLACK + 1);
    }
}
