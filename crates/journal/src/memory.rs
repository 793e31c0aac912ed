//! A journal that lives as long as the process: for tests, trials and as the contract in code.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use laniakea_event::{Digest, Seq, SignerId};
use uuid::Uuid;

use crate::{
    Appended, Bounds, Budget, Entry, Journal, JournalError, JournaledEvent, Page, Position, Query,
    Selection, StoredEvent,
};

/// A journal in memory. It keeps every promise of [`Journal`] but durability.
#[derive(Debug)]
pub struct MemoryJournal {
    relay: SignerId,
    id: Uuid,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The events that are left; they end with `last`.
    events: VecDeque<JournaledEvent>,
    last: Seq,
    digests: BTreeMap<Digest, Seq>,
    uuids: BTreeSet<(SignerId, Uuid)>,
    /// The last event that matched each prefix.
    prefixes: BTreeMap<String, Seq>,
}

impl MemoryJournal {
    /// An empty journal of this relay with this id.
    pub fn new(relay: SignerId, id: Uuid) -> Self {
        Self { relay, id, state: RwLock::default() }
    }

    // A panic under the lock is a bug that the thread's owner reports; each entry's state is
    // written after everything that could panic, so what is there is sound.
    fn reading(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_one(&self, state: &mut State, entry: &Entry) -> Appended {
        let digest = entry.event.digest();
        if let Some(&seq) = state.digests.get(&digest) {
            return Appended::Duplicate { seq };
        }
        let pairs = entry
            .event
            .uuid()
            .into_iter()
            .flat_map(|uuid| entry.sources.iter().map(move |signer| (signer.clone(), uuid)));
        let pairs: Vec<(SignerId, Uuid)> = pairs.collect();
        if let Some((signer, _)) = pairs.iter().find(|pair| state.uuids.contains(pair)) {
            return Appended::Conflict { signer: signer.clone() };
        }
        let seq = state.last.next();
        let prev = entry.event.id().prefixes().map(|prefix| {
            (prefix.to_owned(), state.prefixes.get(prefix).copied().unwrap_or_default())
        });
        let position =
            Position { relay: self.relay.clone(), journal: self.id, seq, prev: prev.collect() };
        let event = JournaledEvent::new(entry, position);
        state.record(event.clone(), pairs);
        Appended::Journaled(event)
    }
}

impl State {
    fn record(&mut self, event: JournaledEvent, pairs: Vec<(SignerId, Uuid)>) {
        let seq = event.seq();
        self.prefixes.extend(event.id().prefixes().map(|prefix| (prefix.to_owned(), seq)));
        self.uuids.extend(pairs);
        self.digests.insert(event.digest(), seq);
        self.last = seq;
        self.events.push_back(event);
    }

    fn bounds(&self) -> Bounds {
        Bounds { first: Seq(self.last.0 - self.events.len() as u64 + 1), last: self.last }
    }

    /// How many of the events that are left stand before the first one received at or after
    /// `time`, as far as the budget goes.
    fn received_before(&self, time: jiff::Timestamp, budget: Budget) -> usize {
        let mut spending = budget.spend();
        let is_before = |event: &&JournaledEvent| {
            let is_spent = spending.is_spent();
            spending.add(1);
            !is_spent && event.received() < time
        };
        self.events.iter().take_while(is_before).count()
    }
}

impl Journal for MemoryJournal {
    fn id(&self) -> Uuid {
        self.id
    }

    fn append(&self, group: Vec<Entry>) -> Result<Vec<Appended>, JournalError> {
        let mut state = self.writing();
        Ok(group.iter().map(|entry| self.append_one(&mut state, entry)).collect())
    }

    fn read(&self, query: &Query) -> Result<Page, JournalError> {
        let state = self.reading();
        let Bounds { first, last } = state.bounds();
        let next = query.after.max(Seq(first.0 - 1));
        let mut page = Page { events: Vec::new(), next, first, last };
        let skip = usize::try_from(query.after.0.saturating_sub(first.0 - 1));
        let selection = Selection::new(&query.prefixes);
        let mut spending = query.budget.spend();
        let mut bytes = 0;
        for event in state.events.iter().skip(skip.unwrap_or(usize::MAX)) {
            if selection.selects(event.id()) {
                bytes += event.frame().len();
                let is_full = page.events.len() >= query.limit || bytes > query.max_bytes;
                if is_full && !page.events.is_empty() {
                    break;
                }
                page.events.push(event.into());
            }
            page.next = event.seq();
            spending.add(1);
            if spending.is_spent() {
                break;
            }
        }
        Ok(page)
    }

    fn find(&self, digest: &Digest) -> Result<Option<StoredEvent>, JournalError> {
        let state = self.reading();
        let first = state.bounds().first;
        let at = state.digests.get(digest).and_then(|seq| seq.0.checked_sub(first.0));
        let at = at.and_then(|at| usize::try_from(at).ok());
        Ok(at.and_then(|at| state.events.get(at)).map(StoredEvent::from))
    }

    fn position_at(&self, time: jiff::Timestamp, budget: Budget) -> Result<Seq, JournalError> {
        let state = self.reading();
        Ok(Seq(state.bounds().first.0 - 1 + state.received_before(time, budget) as u64))
    }

    fn bounds(&self) -> Result<Bounds, JournalError> {
        Ok(self.reading().bounds())
    }

    fn prune(&self, before: jiff::Timestamp) -> Result<u64, JournalError> {
        let mut state = self.writing();
        let count = state.received_before(before, Budget::UNLIMITED);
        state.events.drain(..count);
        Ok(count as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::conformance::{Factory, fixture};

    struct InMemory(AtomicU64);

    impl Factory for InMemory {
        fn create(&self) -> Box<dyn Journal> {
            let id = Uuid::from_u64_pair(0, self.0.fetch_add(1, Ordering::Relaxed));
            Box::new(MemoryJournal::new(fixture::relay(), id))
        }

        fn reopen(&self, journal: Box<dyn Journal>) -> Box<dyn Journal> {
            journal
        }
    }

    crate::conformance_tests!(InMemory(AtomicU64::new(1)));
}
