//! Damaged events of a page, as the holes that they leave between the others.

use std::collections::{BTreeSet, VecDeque};

use laniakea_event::Seq;

/// The holes in ascending order, each by its neighbours.
#[derive(Debug)]
pub(super) struct Holes(VecDeque<(Seq, Seq)>);

impl Holes {
    /// What a page passed over behind `after`.
    pub(super) fn new(damaged: &BTreeSet<Seq>, after: Seq) -> Self {
        let mut holes: VecDeque<(Seq, Seq)> = VecDeque::new();
        for seq in damaged.iter().copied().filter(|seq| *seq > after) {
            match holes.back_mut() {
                Some((_, before)) if *before == seq => *before = seq.next(),
                _ => holes.push_back((Seq(seq.0 - 1), seq.next())),
            }
        }
        Self(holes)
    }

    /// Takes those that end at this event or before it.
    pub(super) fn before(&mut self, seq: Seq) -> Vec<(Seq, Seq)> {
        let count = self.0.iter().take_while(|(_, before)| *before <= seq).count();
        self.0.drain(..count).collect()
    }

    /// Takes those behind the last event.
    pub(super) fn rest(self) -> Vec<(Seq, Seq)> {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_make_one_hole_and_what_was_read_before_makes_none() {
        let damaged = [9, 4, 3, 0, 2, 11].map(Seq).into();
        let mut holes = Holes::new(&damaged, Seq(2));
        assert_eq!(holes.before(Seq(4)), []);
        assert_eq!(holes.before(Seq(5)), [(Seq(2), Seq(5))]);
        assert_eq!(holes.before(Seq(9)), []);
        assert_eq!(holes.rest(), [(Seq(8), Seq(10)), (Seq(10), Seq(12))]);
    }
}
