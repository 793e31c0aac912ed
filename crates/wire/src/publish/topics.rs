//! Who wants which events: all subscriptions of all subscribers, looked up once for each event.

use std::collections::BTreeMap;

/// One thing that somebody subscribed to: what an id begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TopicId(usize);

/// Which of up to 64 events somebody wants, a bit each.
pub(super) type Mask = u64;

#[derive(Debug, Default)]
pub(super) struct Topics {
    known: BTreeMap<Box<[u8]>, TopicId>,
    /// By number; one that nobody has any more is used again.
    entries: Vec<Topic>,
    unused: Vec<TopicId>,
    /// How many topics there are of each length.
    lengths: BTreeMap<usize, usize>,
}

#[derive(Debug, Default)]
struct Topic {
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
            self.known.insert(topic.into(), id);
            *self.lengths.entry(topic.len()).or_default() += 1;
            id
        });
        self.entries[id.0].subscribers += 1;
        id
    }

    /// One less does.
    pub(super) fn leave(&mut self, ids: &[TopicId]) {
        let mut is_over = false;
        for id in ids {
            let topic = &mut self.entries[id.0];
            topic.subscribers -= 1;
            is_over |= topic.subscribers == 0;
        }
        if is_over {
            let Self { known, entries, unused, lengths } = self;
            known.retain(|name, id| {
                let is_over = entries[id.0].subscribers == 0;
                if is_over {
                    unused.push(*id);
                    if let Some(count) = lengths.get_mut(&name.len()) {
                        *count -= 1;
                    }
                }
                !is_over
            });
            lengths.retain(|_, count| *count > 0);
        }
    }

    /// Looks up events by their ids, at most 64.
    pub(super) fn mark<'a>(&mut self, ids: impl Iterator<Item = &'a [u8]>) {
        self.entries.iter_mut().for_each(|topic| topic.mask = 0);
        for (number, id) in ids.enumerate() {
            for length in self.lengths.range(..=id.len()).map(|(length, _)| *length) {
                if let Some(topic) = self.known.get(&id[..length]) {
                    self.entries[topic.0].mask |= 1 << number;
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
}
