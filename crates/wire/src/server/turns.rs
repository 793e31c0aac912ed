//! Whose turn it is to be read.
//!
//! Every connection that has something to be read stands in one of two lines, once. Whoever was
//! quiet stands in the line of those with news; whoever still had something left after a turn stands
//! at the end of the other. The news come first, but now and then somebody of the other line has a
//! turn as well. A turn is bounded in messages and bytes ([`super::connection::Connection::turn`]).
//!
//! So a peer that sends little waits for those alone that have also been quiet, however many others
//! flood; and those who flood share what is left.

use std::collections::VecDeque;

use super::connection::ConnectionId;

/// Turns of those with news before one of the others.
const NEWS_FIRST: u32 = 4;

#[derive(Debug, Default)]
pub(crate) struct Turns {
    news: VecDeque<ConnectionId>,
    more: VecDeque<ConnectionId>,
    /// Turns of those with news since the last of the others.
    streak: u32,
}

impl Turns {
    /// Something came over a connection that stands in no line.
    pub(crate) fn has_news(&mut self, id: ConnectionId) {
        self.news.push_back(id);
    }

    /// There is more to be read of a connection that has just had its turn.
    pub(crate) fn has_more(&mut self, id: ConnectionId) {
        self.more.push_back(id);
    }

    /// Whose turn it is.
    pub(crate) fn next(&mut self) -> Option<ConnectionId> {
        if self.streak < NEWS_FIRST || self.more.is_empty() {
            if let Some(id) = self.news.pop_front() {
                self.streak = self.streak.saturating_add(1);
                return Some(id);
            }
        }
        self.streak = 0;
        self.more.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.news.is_empty() && self.more.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_quiet_does_not_wait_for_those_who_flood() {
        let mut turns = Turns::default();
        let id = ConnectionId::from_number;
        (0..100).for_each(|number| turns.has_more(id(number)));
        assert_eq!(turns.next(), Some(id(0)));
        turns.has_more(id(0));
        turns.has_news(id(200));
        assert_eq!(turns.next(), Some(id(200)));
        // Nor do many of them keep out the others.
        (300..310).for_each(|number| turns.has_news(id(number)));
        let order: Vec<_> = std::iter::from_fn(|| turns.next()).take(9).collect();
        let expected = [300, 301, 302, 1, 303, 304, 305, 306, 2].map(id);
        assert_eq!(order, expected);
        let rest = std::iter::from_fn(|| turns.next()).count();
        assert_eq!(rest, 100 + 10 - 9);
        assert!(turns.is_empty());
    }
}
