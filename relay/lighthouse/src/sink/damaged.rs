//! Events of the journal that turned out to be damaged when somebody read them.

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use laniakea_event::Seq;

use crate::counters::Counters;

/// So many are told apart; a journal with more of them needs no longer list.
const MAX_KNOWN: usize = 10_000;

/// Which events were found damaged so far, shared by the threads that read.
#[derive(Debug, Clone, Default)]
pub(crate) struct DamagedEvents(Arc<Mutex<BTreeSet<Seq>>>);

impl DamagedEvents {
    /// Counts and logs an event the first time that it is met.
    pub(crate) fn note(&self, seq: Seq, why: &(dyn Error + 'static), counters: &Counters) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN || !known.insert(seq) {
            return;
        }
        drop(known);
        counters.damaged_events.add(1);
        tracing::error!(%seq, why, "an event in the journal is damaged; its readers are told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_counted_once_however_often_it_is_read() {
        let (damaged, counters) = (DamagedEvents::default(), Counters::default());
        let why = std::io::Error::other("its checksum does not hold");
        for seq in [7, 7, 9, 7, 9] {
            damaged.clone().note(Seq(seq), &why, &counters);
        }
        assert_eq!(counters.snapshot()["damaged_events"], 2);
    }
}
