//! What was delivered of late, and where it stood.

use std::collections::{BTreeMap, VecDeque};

use laniakea_event::{Digest, Seq};

use crate::subscription::Position;

/// Digests of the latest deliveries.
#[derive(Default)]
pub(super) struct RecentDigests {
    order: VecDeque<Digest>,
    known: BTreeMap<Digest, Place>,
}

struct Place {
    position: Position,
    /// It was told that the event has another place too.
    is_disputed: bool,
}

/// What is known of an event that comes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It was not delivered.
    New,
    /// It was, from there or in another journal.
    Delivered,
    /// It was, and stood elsewhere in the same journal: one of the two places is another event's.
    Moved(Seq),
    /// The same again.
    Disputed,
}

impl RecentDigests {
    const CAPACITY: usize = 65_536;

    /// Notes that an event comes from there.
    pub(super) fn insert(&mut self, digest: Digest, position: Position) -> Known {
        if let Some(place) = self.known.get_mut(&digest) {
            let before = std::mem::replace(&mut place.position, position);
            if before.journal != position.journal || before == position {
                return Known::Delivered;
            }
            if std::mem::replace(&mut place.is_disputed, true) {
                return Known::Disputed;
            }
            return Known::Moved(before.seq);
        }
        self.known.insert(digest, Place { position, is_disputed: false });
        self.order.push_back(digest);
        if self.order.len() > Self::CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        Known::New
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_event_has_one_place_in_a_journal() {
        let mut recent = RecentDigests::default();
        let at = |journal, seq| Position { journal: Uuid::from_u128(journal), seq: Seq(seq) };
        for (position, known) in [
            (at(1, 7), Known::New),
            (at(1, 7), Known::Delivered),
            (at(2, 3), Known::Delivered),
            (at(2, 4), Known::Moved(Seq(3))),
            (at(2, 4), Known::Delivered),
            (at(2, 3), Known::Disputed),
        ] {
            assert_eq!(recent.insert(Digest::of(b"x"), position), known, "{position}");
        }
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recent = RecentDigests::default();
        let position = Position { journal: Uuid::nil(), seq: Seq(1) };
        for number in 0..=RecentDigests::CAPACITY {
            recent.insert(Digest::of(&number.to_be_bytes()), position);
        }
        assert_eq!(recent.known.len(), RecentDigests::CAPACITY);
        let insert = |number: usize| recent.insert(Digest::of(&number.to_be_bytes()), position);
        assert_eq!([1, 0].map(insert), [Known::Delivered, Known::New]);
    }
}
