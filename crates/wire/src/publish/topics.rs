//! Who wants which events: all subscriptions of all subscribers, looked up once for each event.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

/// One thing that somebody subscribed to: what an id begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopicId(usize);

/// Which of up to 64 events somebody wants, a bit each.
pub(super) type Mask = u64;

#[derive(Debug, Default)]
pub(super) struct Topics {
    known: BTreeMap<Arc<[u8]>, TopicId>,
    /// By number; one that nobody has any more is used again.
    entries: Vec<Topic>,
    unused: Vec<TopicId>,
    /// How many topics there are of each length.
    lengths: BTreeMap<usize, usize>,
    /// Those that an event was [marked](Self::mark) with last.
    marked: Vec<TopicId>,
}

#[derive(Debug, Default)]
struct Topic {
    name: Arc<[u8]>,
    subscribers: usize,
    /// Of the events that were [marked](Topics::mark), those that begin so.
    mask: Mask,
}

impl Topics {
    pub(super) fn find(&self, topic: &[u8]) -> Option<TopicId> {
        self.known.get(topic).copied()
    }

    /// One more subscribes to it.
    pub(super) fn join(&mut self, topic: &[u8]) -> TopicId {
        let id = self.find(topic).unwrap_or_else(|| {
            let id = self.unused.pop().unwrap_or_else(|| {
                self.entries.push(Topic::default());
                TopicId(self.entries.len() - 1)
            });
            let name = Arc::<[u8]>::from(topic);
            self.entries[id.0].name = name.clone();
            self.known.insert(name, id);
            *self.lengths.entry(topic.len()).or_default() += 1;
            id
        });
        self.entries[id.0].subscribers += 1;
        id
    }

    /// One less does. This costs what leaves, however much stays.
    pub(super) fn leave(&mut self, ids: &[TopicId]) {
        for id in ids {
            let topic = &mut self.entries[id.0];
            topic.subscribers -= 1;
            if topic.subscribers == 0 {
                let Topic { name, .. } = std::mem::take(topic);
                self.known.remove(&name);
                self.unused.push(*id);
                if let Entry::Occupied(mut count) = self.lengths.entry(name.len()) {
                    *count.get_mut() -= 1;
                    if *count.get() == 0 {
                        count.remove();
                    }
                }
            }
        }
    }

    /// Looks up events by their ids, at most 64.
    pub(super) fn mark<'a>(&mut self, ids: impl Iterator<Item = &'a [u8]>) {
        for marked in self.marked.drain(..) {
            self.entries[marked.0].mask = 0;
        }
        for (number, id) in ids.enumerate() {
            for length in self.lengths.range(..=id.len()).map(|(length, _)| *length) {
                if let Some(topic) = self.known.get(&id[..length]) {
                    self.entries[topic.0].mask |= 1 << number;
                    self.marked.push(*topic);
                }
            }
        }
    }

    /// Of the events that were marked, those that begin with one of these.
    pub(super) fn wanted(&self, topics: &[TopicId]) -> Mask {
        topics.iter().fold(0, |mask, topic| mask | self.entries[topic.0].mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_wanted_by_whoever_subscribed_to_what_it_begins_with() {
        let mut topics = Topics::default();
        let [all, archive, long, other] = ["", "_lk.archive.", "_lk.archive.uploaded.x", "_lk.b"]
            .map(|t| topics.join(t.as_bytes()));
        assert_eq!(topics.join(b"_lk.archive."), archive);
        let ids = ["_lk.archive.uploaded", "_lk.b", "_lk", "_lk.archive.uploaded.xyz"];
        let mark = |topics: &mut Topics| topics.mark(ids.iter().map(|id| id.as_bytes()));
        mark(&mut topics);
        assert_eq!(topics.wanted(&[all]), 0b1111);
        assert_eq!(topics.wanted(&[archive]), 0b1001);
        assert_eq!(topics.wanted(&[long, other]), 0b1010);
        assert_eq!(topics.wanted(&[]), 0);
        topics.leave(&[archive, all]);
        mark(&mut topics);
        assert_eq!(topics.wanted(&[archive]), 0b1001);
        topics.leave(&[archive]);
        assert_eq!((topics.find(b"_lk.archive."), topics.find(b"")), (None, None));
        // Its number is another's then.
        let new = topics.join(b"_lk");
        mark(&mut topics);
        assert_eq!(topics.wanted(&[new]), 0b1111);
        assert_eq!(topics.entries.len(), 4);
    }

    #[test]
    fn what_a_crowd_leaves_behind_is_found_by_nobody_and_used_again() {
        const EACH: usize = 250;
        let crowd = 400;
        let mut topics = Topics::default();
        let name =
            |peer: usize, number: usize| format!("{peer}.{number:0>length$}.", length = number % 7);
        let join = |topics: &mut Topics, peer: usize| {
            let names = (0..EACH).map(|number| name(peer, number));
            names.map(|name| topics.join(name.as_bytes())).collect::<Vec<_>>()
        };
        let all: Vec<_> = (0..crowd).map(|peer| join(&mut topics, peer)).collect();
        assert_eq!(topics.known.len(), crowd * EACH);
        for (peer, theirs) in all.iter().enumerate() {
            topics.leave(theirs);
            assert_eq!(topics.known.len(), (crowd - 1 - peer) * EACH);
            assert_eq!(topics.find(name(peer, 0).as_bytes()), None);
        }
        assert!(topics.lengths.is_empty());
        assert!(topics.entries.iter().all(|topic| topic.name.is_empty()));
        (0..crowd).for_each(|peer| drop(join(&mut topics, peer)));
        assert_eq!(topics.entries.len(), crowd * EACH);
    }

    #[test]
    fn what_was_marked_before_is_wanted_no_more() {
        let mut topics = Topics::default();
        let [one, other] = ["a", "b"].map(|topic| topics.join(topic.as_bytes()));
        for (id, wanted) in [("a", (1, 0)), ("b", (0, 1)), ("c", (0, 0))] {
            topics.mark([id.as_bytes()].into_iter());
            assert_eq!((topics.wanted(&[one]), topics.wanted(&[other])), wanted);
        }
    }
}
