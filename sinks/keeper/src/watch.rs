//! What is to follow, and what is missed: absences and sequences. It has no clock and no disk of its
//! own.
//!
//! A rule with a [`Pattern`] does not run on each event. [`Watch::see`] is told what an event is to
//! it and answers what is to be kept of it, as [`Step`]s that the ledger carries out;
//! [`Watch::overdue`] says what time alone has brought about. Times are those at which the relay took
//! the events, so that it makes no difference when keeper reads them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

/// What a rule waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// What of.
    pub shape: Shape,
    /// In which time it has to come.
    pub within: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Events that no answer follows.
    Unanswered,
    /// No event at all. Where events have no key, that holds also before the first.
    Silence {
        /// Whether they have one.
        is_keyed: bool,
    },
    /// So many events in their order, at least two.
    Sequence(u32),
}

/// What an event is to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It is waited for as number so and so of a sequence, from 0; an absence is counted from 0.
    Part(u32),
    /// It answers what was waited for.
    Answer,
}

/// What becomes of the events that are kept for a rule and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: String,
    /// The key.
    pub key: String,
    /// What becomes of them.
    pub change: Change,
}

/// Events are kept in chains, one for each way in which a pattern may still become whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The chain is this event.
    Begin {
        /// Which one.
        chain: u32,
        /// When its time began.
        since: Timestamp,
    },
    /// The event comes to those of the chain.
    Append {
        /// Which one.
        chain: u32,
    },
    /// The chain is the events of the one before it, and this event.
    Advance {
        /// Which one.
        chain: u32,
        /// When its time began.
        since: Timestamp,
    },
    /// The chain is of no use any more.
    Drop {
        /// Which one.
        chain: u32,
    },
    /// Nothing is kept for the key any more.
    Forget,
    /// A run of the chain's events is due, and nothing is kept for the key any more.
    Fire {
        /// Which one.
        chain: u32,
        /// How many events that are.
        events: usize,
        /// Since when something is missed, if that is why.
        missed: Option<Timestamp>,
    },
}

/// A chain as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The rule.
    pub rule: String,
    /// The key.
    pub key: String,
    /// Which one.
    pub chain: u32,
    /// When its time began.
    pub since: Timestamp,
    /// How many events it has.
    pub events: usize,
}

/// More keys of a rule at a time are not watched: whoever makes as many wants to fill the ledger.
pub const MAX_KEYS: usize = 10_000;
/// More events of a key are not kept for its run.
pub const MAX_EVENTS: usize = 1_000;

/// All that is waited for.
#[derive(Debug, Default)]
pub struct Watch {
    rules: BTreeMap<String, RuleWatch>,
}

#[derive(Debug)]
struct RuleWatch {
    pattern: Pattern,
    keys: BTreeMap<String, BTreeMap<u32, Chain>>,
    /// When the time of each chain is over.
    ends: BTreeSet<(Timestamp, String, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Chain {
    since: Timestamp,
    events: usize,
}

impl Watch {
    /// Begins with what the ledger has.
    pub fn new(
        patterns: impl IntoIterator<Item = (String, Pattern)>,
        kept: impl IntoIterator<Item = Kept>,
    ) -> Self {
        let rules = patterns.into_iter().map(|(rule, pattern)| {
            (rule, RuleWatch { pattern, keys: BTreeMap::new(), ends: BTreeSet::new() })
        });
        let mut this = Self { rules: rules.collect() };
        for Kept { rule, key, chain, since, events } in kept {
            if let Some(rule) = this.rules.get_mut(&rule) {
                rule.put(&key, chain, Chain { since, events });
            }
        }
        this
    }

    /// An event came that is this to the rule, in the order of the stream.
    pub fn see(&mut self, rule: &str, key: &str, roles: &[Role], at: Timestamp) -> Vec<Step> {
        let Some(state) = self.rules.get_mut(rule) else { return Vec::new() };
        let begins = roles.contains(&Role::Part(0)) && !roles.contains(&Role::Answer);
        if begins && !state.keys.contains_key(key) && state.keys.len() >= MAX_KEYS {
            tracing::warn!(rule, key, limit = MAX_KEYS, "too many keys are watched: not this one");
            return Vec::new();
        }
        let changes = match state.pattern.shape {
            Shape::Unanswered => state.see_unanswered(key, roles, at),
            Shape::Silence { .. } => state.see_silence(key, at),
            Shape::Sequence(length) => state.see_sequence(key, roles, length, at),
        };
        steps(rule, key, changes)
    }

    /// What time has brought about until now, the longest overdue first: absences, and beginnings of
    /// sequences whose end would come too late.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<Step> {
        let mut found = Vec::new();
        for (name, rule) in &mut self.rules {
            while let Some((end, key, chain)) = rule.ends.first().cloned()
                && rule.is_over(end, now)
            {
                found.push((end, steps(name, &key, rule.end(&key, chain))));
            }
        }
        found.sort_by_key(|(end, _)| *end);
        found.into_iter().flat_map(|(_, steps)| steps).collect()
    }

    /// When something is next over, if nothing comes.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.rules.values().filter_map(|rule| rule.ends.first().map(|(end, ..)| *end)).min()
    }
}

fn steps(rule: &str, key: &str, changes: Vec<Change>) -> Vec<Step> {
    let step = |change| Step { rule: rule.to_owned(), key: key.to_owned(), change };
    changes.into_iter().map(step).collect()
}

impl RuleWatch {
    fn see_unanswered(&mut self, key: &str, roles: &[Role], at: Timestamp) -> Vec<Change> {
        let known = self.chain(key, 1);
        if roles.contains(&Role::Answer) {
            if known.is_none() {
                return Vec::new();
            }
            self.forget(key);
            return vec![Change::Forget];
        }
        match known {
            None => {
                self.put(key, 1, Chain { since: at, events: 1 });
                vec![Change::Begin { chain: 1, since: at }]
            }
            Some(Chain { events, .. }) if events >= MAX_EVENTS => Vec::new(),
            Some(Chain { since, events }) => {
                self.put(key, 1, Chain { since, events: events + 1 });
                vec![Change::Append { chain: 1 }]
            }
        }
    }

    fn see_silence(&mut self, key: &str, at: Timestamp) -> Vec<Change> {
        // The relay's clock may have been set back.
        let since = self.chain(key, 1).map_or(at, |known| known.since.max(at));
        self.put(key, 1, Chain { since, events: 1 });
        vec![Change::Begin { chain: 1, since }]
    }

    /// Chain n has the first n events of a sequence, and of all that could be taken for them those
    /// whose first one came last: if these do not come in time, none do.
    fn see_sequence(
        &mut self,
        key: &str,
        roles: &[Role],
        length: u32,
        at: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        // The last part first, so that an event is never two parts of one chain.
        for part in (0..length).rev().filter(|part| roles.contains(&Role::Part(*part))) {
            let chain = part + 1;
            if part == 0 {
                self.put(key, chain, Chain { since: at, events: 1 });
                changes.push(Change::Begin { chain, since: at });
                continue;
            }
            let Some(before) = self.chain(key, part) else { continue };
            if at > self.end_of(before.since) {
                continue;
            }
            if self.chain(key, chain).is_some_and(|known| known.since > before.since) {
                continue;
            }
            changes.push(Change::Advance { chain, since: before.since });
            if chain == length {
                self.forget(key);
                changes.push(Change::Fire { chain, events: before.events + 1, missed: None });
                return changes;
            }
            self.put(key, chain, Chain { since: before.since, events: before.events + 1 });
        }
        changes
    }

    fn is_over(&self, end: Timestamp, now: Timestamp) -> bool {
        match self.pattern.shape {
            // What comes just in time is in time.
            Shape::Sequence(_) => end < now,
            Shape::Unanswered | Shape::Silence { .. } => end <= now,
        }
    }

    fn end(&mut self, key: &str, chain: u32) -> Vec<Change> {
        let known = self.chain(key, chain);
        if matches!(self.pattern.shape, Shape::Sequence(_)) {
            self.remove(key, chain);
            return vec![Change::Drop { chain }];
        }
        self.forget(key);
        let events = known.map_or(0, |known| known.events);
        vec![Change::Fire { chain, events, missed: known.map(|known| known.since) }]
    }

    fn chain(&self, key: &str, chain: u32) -> Option<Chain> {
        self.keys.get(key)?.get(&chain).copied()
    }

    fn put(&mut self, key: &str, chain: u32, value: Chain) {
        self.remove(key, chain);
        self.ends.insert((self.end_of(value.since), key.to_owned(), chain));
        self.keys.entry(key.to_owned()).or_default().insert(chain, value);
    }

    fn remove(&mut self, key: &str, chain: u32) {
        let Some(chains) = self.keys.get_mut(key) else { return };
        let removed = chains.remove(&chain);
        if chains.is_empty() {
            self.keys.remove(key);
        }
        if let Some(removed) = removed {
            self.ends.remove(&(self.end_of(removed.since), key.to_owned(), chain));
        }
    }

    fn forget(&mut self, key: &str) {
        for (chain, value) in self.keys.remove(key).unwrap_or_default() {
            self.ends.remove(&(self.end_of(value.since), key.to_owned(), chain));
        }
    }

    fn end_of(&self, since: Timestamp) -> Timestamp {
        since.checked_add(self.pattern.within).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests;
