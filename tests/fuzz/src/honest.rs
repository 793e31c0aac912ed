//! An honest relay in memory.

use std::collections::BTreeMap;

use laniakea_event::{RelayNote, Seq, VerifiedEvent};
use laniakea_wire::replay::{Answer, From, Header, Read, Request};
use uuid::Uuid;

use crate::world::note;

/// More are not on one page, so that there is more than one.
const PAGE: usize = 5;

/// A relay that takes each event once.
pub(crate) struct Relay {
    pub(crate) journal: Uuid,
    taken: Vec<(VerifiedEvent, RelayNote)>,
    latest: BTreeMap<String, Seq>,
}

/// An answer whose events are not frames yet.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Header,
    pub(crate) events: Vec<(VerifiedEvent, RelayNote)>,
}

impl Relay {
    pub(crate) fn new(journal: u128) -> Self {
        let journal = Uuid::from_u128(journal);
        Self { journal, taken: Vec::new(), latest: BTreeMap::new() }
    }

    pub(crate) fn last(&self) -> Seq {
        Seq(self.taken.len() as u64)
    }

    pub(crate) fn take(&mut self, event: &VerifiedEvent) {
        let (id, seq) = (event.id(), self.last().next());
        let mut note = note(id, self.journal, seq, Seq::START);
        for (prefix, prev) in &mut note.prev {
            *prev = self.latest.insert(prefix.clone(), seq).unwrap_or_default();
        }
        self.taken.push((event.clone(), note));
    }

    /// What was taken, in its order.
    pub(crate) fn taken(&self) -> &[(VerifiedEvent, RelayNote)] {
        &self.taken
    }

    /// The event as it is published: its id and its frame.
    pub(crate) fn publication(&self, at: usize) -> Option<(&str, Vec<u8>)> {
        self.taken.get(at).map(|(event, note)| (event.id().as_str(), event.frame(note)))
    }

    pub(crate) fn draft(&self, request: &Request) -> Draft {
        let (mut next, mut events) = (None, Vec::new());
        if let Request::Read(Read { from, prefixes, limit }) = request {
            let mut at = if let From::After(seq) = from { *seq } else { Seq::START };
            let index = usize::try_from(at.0).unwrap_or(usize::MAX);
            for (event, note) in self.taken.iter().skip(index).take(PAGE) {
                if events.len() == *limit {
                    break;
                }
                at = at.next();
                if prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.matches(event.id())) {
                    events.push((event.clone(), note.clone()));
                }
            }
            next = Some(at);
        }
        Draft { header: Header { next, ..Header::new(self.journal, Seq(1), self.last()) }, events }
    }

    pub(crate) fn answer(&self, request: &Request) -> Answer {
        self.draft(request).finish()
    }
}

impl Draft {
    pub(crate) fn finish(self) -> Answer {
        let events = self.events.iter().map(|(event, note)| event.frame(note)).collect();
        Answer { header: self.header, events }
    }
}
