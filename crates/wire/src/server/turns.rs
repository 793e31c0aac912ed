//! Whose turn it is to be read.
//!
//! Every connection that has something to be read stands in one of three lines, once. Whoever was
//! quiet stands in the line of those with news; whoever still had something left after a turn stands
//! at the end of another. The news come first, but now and then somebody of the other line has a
//! turn as well. In the third are those whose handshake is not done: they have every second turn, and
//! the only ones while nobody takes messages. A turn is bounded in messages and bytes
//! ([`super::connection::Connection::turn`]).
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
    handshakes: VecDeque<ConnectionId>,
    /// The last turn was that of a handshake.
    was_handshake: bool,
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

    /// Something came for a handshake that is not done.
    pub(crate) fn has_handshake(&mut self, id: ConnectionId) {
        self.handshakes.push_back(id);
    }

    /// Whose turn it is. Unless there is room for messages, only handshakes have turns.
    pub(crate) fn next(&mut self, has_room: bool) -> Option<ConnectionId> {
        let others_first = std::mem::take(&mut self.was_handshake);
        if others_first
            && has_room
            && let Some(id) = self.next_with_messages()
        {
            return Some(id);
        }
        if let Some(id) = self.handshakes.pop_front() {
            self.was_handshake = true;
            return Some(id);
        }
        if has_room { self.next_with_messages() } else { None }
    }

    fn next_with_messages(&mut self) -> Option<ConnectionId> {
        if (self.streak < NEWS_FIRST || self.more.is_empty())
            && let Some(id) = self.news.pop_front()
        {
            self.streak = self.streak.saturating_add(1);
            return Some(id);
        }
        self.streak = 0;
        self.more.pop_front()
    }

    /// How many handshakes stand in line.
    pub(crate) fn handshakes(&self) -> usize {
        self.handshakes.len()
    }

    /// Whether nobody would have a turn.
    pub(crate) fn is_empty(&self, has_room: bool) -> bool {
        let has_messages = !self.news.is_empty() || !self.more.is_empty();
        self.handshakes.is_empty() && !(has_room && has_messages)
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
        assert_eq!(turns.next(true), Some(id(0)));
        turns.has_more(id(0));
        turns.has_news(id(200));
        assert_eq!(turns.next(true), Some(id(200)));
        // Nor do many of them keep out the others.
        (300..310).for_each(|number| turns.has_news(id(number)));
        let order: Vec<_> = std::iter::from_fn(|| turns.next(true)).take(9).collect();
        let expected = [300, 301, 302, 1, 303, 304, 305, 306, 2].map(id);
        assert_eq!(order, expected);
        let rest = std::iter::from_fn(|| turns.next(true)).count();
        assert_eq!(rest, 100 + 10 - 9);
        assert!(turns.is_empty(true));
    }

    #[test]
    fn handshakes_have_every_second_turn_and_need_no_room() {
        let mut turns = Turns::default();
        let id = ConnectionId::from_number;
        (0..3).for_each(|number| turns.has_more(id(number)));
        assert_eq!(turns.next(false), None);
        (10..13).for_each(|number| turns.has_handshake(id(number)));
        assert_eq!(turns.next(false), Some(id(10)));
        let order: Vec<_> = std::iter::from_fn(|| turns.next(true)).collect();
        assert_eq!(order, [0, 11, 1, 12, 2].map(id));
    }
}
