//! Which journal the relay has, and how far reading came in those that it had before.

use std::collections::VecDeque;

use uuid::Uuid;

use super::reach::Reach;

/// Journals whose positions are remembered.
const REMEMBERED: usize = 8;

/// The journal that is read, and others.
#[derive(Debug, Default)]
pub(super) struct Journals {
    pub(super) current: Option<Uuid>,
    /// An answer named this one instead; the next must do so too.
    rival: Option<Uuid>,
    former: VecDeque<(Uuid, Reach)>,
}

/// What an answer says by its journal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// It is the one that is read.
    Current,
    /// It is another one; the next answer tells more.
    Rival,
    /// It is another one once more.
    Other,
    /// The answer before this one named that journal, and no other one did.
    Disowned(Uuid),
}

impl Journals {
    pub(super) fn new(current: Option<Uuid>) -> Self {
        Self { current, ..Self::default() }
    }

    pub(super) fn hear(&mut self, journal: Uuid) -> Named {
        let current = *self.current.get_or_insert(journal);
        if current == journal {
            return self.rival.take().map_or(Named::Current, Named::Disowned);
        }
        match self.rival.replace(journal) {
            None => Named::Rival,
            Some(rival) if rival == journal => Named::Other,
            Some(rival) => Named::Disowned(rival),
        }
    }

    /// Whether that journal was read before the current one.
    pub(super) fn has_left(&self, journal: Uuid) -> bool {
        self.former.iter().any(|(former, _)| *former == journal)
    }

    /// Goes over to another journal. Gives back how far that one was read, if it was.
    pub(super) fn change(&mut self, to: Uuid, reach: &Reach) -> Option<Reach> {
        self.rival = None;
        if let Some(from) = self.current.replace(to) {
            self.former.push_back((from, reach.clone()));
        }
        let known = self.former.iter().position(|(journal, _)| *journal == to);
        let known = known.and_then(|at| self.former.remove(at));
        while self.former.len() > REMEMBERED {
            self.former.pop_front();
        }
        known.map(|(_, reach)| reach)
    }
}

#[cfg(test)]
mod tests {
    use laniakea_event::Seq;

    use super::*;

    fn journal(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn another_journal_is_another_once_two_answers_in_a_row_name_it() {
        let mut journals = Journals::default();
        assert_eq!(journals.hear(journal(1)), Named::Current);
        assert_eq!(journals.hear(journal(2)), Named::Rival);
        assert_eq!(journals.hear(journal(1)), Named::Disowned(journal(2)));
        assert_eq!(journals.hear(journal(2)), Named::Rival);
        assert_eq!(journals.hear(journal(3)), Named::Disowned(journal(2)));
        assert_eq!(journals.hear(journal(3)), Named::Other);
    }

    #[test]
    fn how_far_a_journal_was_read_is_known_when_it_comes_back() {
        let mut journals = Journals::new(Some(journal(1)));
        let mut reach = Reach::new(1);
        reach.begin(Seq(41));
        assert_eq!(journals.change(journal(2), &reach), None);
        assert_eq!(journals.change(journal(1), &Reach::new(1)), Some(reach));
        for number in 3..99 {
            journals.change(journal(number), &Reach::new(1));
        }
        assert_eq!(journals.former.len(), REMEMBERED);
        assert_eq!(journals.change(journal(1), &Reach::new(1)), None);
    }
}
