//! What all connections of a socket subscribe to together.

use std::collections::BTreeMap;

/// Bytes of different topics. ZeroMQ walks through all of them, a step for each byte, whenever a
/// subscriber goes; with millions of them publishing stands still while a crowd leaves.
const MAX_BYTES: usize = 64 << 10;

/// Each topic, with the number of connections that subscribe to it.
#[derive(Debug, Default)]
pub(super) struct Topics {
    subscribers: BTreeMap<Box<[u8]>, usize>,
    bytes: usize,
}

impl Topics {
    /// One more connection subscribes to a topic.
    pub(super) fn add(&mut self, topic: &[u8]) {
        if let Some(count) = self.subscribers.get_mut(topic) {
            *count += 1;
        } else {
            self.subscribers.insert(topic.into(), 1);
            self.bytes += topic.len();
        }
    }

    /// One less.
    pub(super) fn remove(&mut self, topic: &[u8]) {
        let Some(count) = self.subscribers.get_mut(topic) else { return };
        *count -= 1;
        if *count == 0 {
            self.subscribers.remove(topic);
            self.bytes -= topic.len();
        }
    }

    /// Whether they are more than the socket can bear.
    pub(super) fn are_too_many(&self) -> bool {
        self.bytes > MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_many_share_count_once() {
        let mut topics = Topics::default();
        let long = |number: usize| format!("{number:0>100}").into_bytes();
        for _ in 0..100 {
            (0..100).for_each(|number| topics.add(&long(number)));
        }
        assert!(!topics.are_too_many());
        (100..700).for_each(|number| topics.add(&long(number)));
        assert!(topics.are_too_many());
        (100..700).for_each(|number| topics.remove(&long(number)));
        topics.remove(b"unknown");
        assert!(!topics.are_too_many());
        assert_eq!((topics.subscribers.len(), topics.bytes), (100, 10_000));
    }
}
