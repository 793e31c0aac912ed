//! How far reading has come in one journal: as far as the relay says, as far as events bear it out,
//! and as far as a later answer has confirmed that.
//!
//! A page says up to where nothing more is to be had, and a live event says where it stands. Nobody
//! signs either, so that each can turn out to be false; then there is a place to go back to.

use laniakea_event::Seq;

/// Positions for each prefix of the follower, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// Everything up to here was delivered, as pages and live events say.
    done: Vec<Seq>,
    /// The newest event that was seen, and where nothing could be: no event can rightly name a
    /// later one before itself, unless that one was withheld.
    seen: Vec<Seq>,
    /// `seen`, as the last header that went so far found it.
    certain: Vec<Seq>,
    /// The newest event that was delivered, and where the consumer wanted to begin.
    delivered: Option<Seq>,
    /// The same, as far as a header bears it out. Going back behind it would deliver twice.
    anchor: Option<Seq>,
    /// A header did not go as far as this. What claims it may be newer than that header, not than
    /// the next.
    doubtful: Option<Seq>,
}

/// What a header says about what came before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes as far.
    Plausible,
    /// It does not; the next header tells more.
    Doubtful,
    /// The journal does not go as far as something claimed: reading is back where that is certain.
    SteppedBack,
    /// As before, and only the beginning is certain.
    StartOver,
    /// The journal does not go as far as it was read.
    Shrunk,
}

impl Reach {
    pub(super) fn new(prefixes: usize) -> Self {
        let start = vec![Seq::START; prefixes];
        Self {
            done: start.clone(),
            seen: start.clone(),
            certain: start,
            delivered: None,
            anchor: None,
            doubtful: None,
        }
    }

    /// Everything that any prefix matches was delivered up to here.
    pub(super) fn complete(&self) -> Seq {
        self.done.iter().copied().min().unwrap_or_default()
    }

    pub(super) fn done(&self, at: usize) -> Seq {
        self.done.get(at).copied().unwrap_or_default()
    }

    pub(super) fn seen(&self, at: usize) -> Seq {
        self.seen.get(at).copied().unwrap_or_default()
    }

    /// Where the consumer wants to begin: it has what comes before, or does not want it.
    pub(super) fn begin(&mut self, seq: Seq) {
        self.pass(seq);
        self.delivered = self.delivered.max(Some(seq));
        self.anchor = self.anchor.max(Some(seq));
    }

    /// The relay says that there is nothing more up to here.
    pub(super) fn read_to(&mut self, seq: Seq) {
        self.done.iter_mut().for_each(|done| *done = seq.max(*done));
    }

    /// Whatever stood there is gone, and that was told.
    pub(super) fn pass(&mut self, seq: Seq) {
        self.read_to(seq);
        self.seen.iter_mut().for_each(|seen| *seen = seq.max(*seen));
    }

    /// An event under these prefixes stands there.
    pub(super) fn see(&mut self, matching: &[usize], seq: Seq) {
        for at in matching {
            self.seen[*at] = seq.max(self.seen[*at]);
            self.done[*at] = seq.max(self.done[*at]);
        }
    }

    /// It was delivered; an answer of the relay's journal had it, or a live event that says so.
    pub(super) fn deliver(&mut self, seq: Seq, is_journaled: bool) {
        self.delivered = self.delivered.max(Some(seq));
        if is_journaled {
            self.anchor = self.anchor.max(Some(seq));
        }
    }

    /// Something was withheld under this prefix: reads it again.
    pub(super) fn reread(&mut self, at: usize) {
        self.done[at] = self.seen[at];
    }

    /// Reads everything behind this once more.
    pub(super) fn go_back(&mut self, seq: Seq) {
        for positions in [&mut self.done, &mut self.seen, &mut self.certain] {
            for position in positions {
                *position = seq.min(*position);
            }
        }
        self.delivered = self.delivered.map(|delivered| seq.min(delivered));
        self.anchor = self.anchor.map(|anchor| seq.min(anchor));
    }

    /// Forgets what was only said. Says whether that was anything.
    pub(super) fn distrust(&mut self) -> bool {
        let had_more = self.done != self.seen;
        self.done.clone_from(&self.seen);
        had_more
    }

    /// Without a journal to ask, the stream goes on wherever the next event says.
    pub(super) fn jump(&mut self, matching: &[usize], seq: Seq) {
        for at in matching {
            self.seen[*at] = seq;
            self.done[*at] = seq;
        }
    }

    /// Holds the positions against a header that was asked for after the last one came.
    pub(super) fn check(&mut self, last: Seq) -> Verdict {
        let furthest = self.done.iter().chain(&self.seen).copied().max().unwrap_or_default();
        if furthest <= last {
            self.certain.clone_from(&self.seen);
            self.anchor = self.delivered;
            self.doubtful = None;
            return Verdict::Plausible;
        }
        match self.doubtful.replace(furthest) {
            None => Verdict::Doubtful,
            Some(doubtful) if last >= doubtful => Verdict::Plausible,
            Some(_) => self.step_back(last),
        }
    }

    fn step_back(&mut self, last: Seq) -> Verdict {
        self.doubtful = None;
        if self.anchor.is_some_and(|anchor| anchor > last) {
            return Verdict::Shrunk;
        }
        if self.certain.iter().any(|certain| *certain > last) {
            let Some(anchor) = self.anchor else { return Verdict::StartOver };
            self.certain.fill(anchor);
        }
        self.seen.clone_from(&self.certain);
        self.done.clone_from(&self.certain);
        self.delivered = self.anchor;
        Verdict::SteppedBack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(seen: [u64; 2]) -> Reach {
        let mut reach = Reach::new(2);
        reach.begin(Seq(3));
        reach.see(&[0], Seq(seen[0]));
        reach.see(&[1], Seq(seen[1]));
        reach
    }

    #[test]
    fn an_event_that_overtook_a_header_is_no_lie() {
        let mut reach = reach([3, 9]);
        assert_eq!(reach.check(Seq(8)), Verdict::Doubtful);
        reach.see(&[1], Seq(12));
        assert_eq!(reach.check(Seq(11)), Verdict::Plausible);
        assert_eq!(reach.check(Seq(12)), Verdict::Plausible);
    }

    #[test]
    fn what_two_headers_in_a_row_deny_is_a_lie() {
        let mut reach = reach([3, 5]);
        assert_eq!(reach.check(Seq(8)), Verdict::Plausible);
        let certain = reach.clone();
        reach.see(&[1], Seq(99));
        reach.deliver(Seq(99), false);
        assert_eq!(reach.check(Seq(8)), Verdict::Doubtful);
        assert_eq!(reach.check(Seq(9)), Verdict::SteppedBack);
        assert_eq!(reach, certain);
    }

    #[test]
    fn what_was_only_said_is_taken_back_to_what_was_delivered() {
        let mut reach = reach([3, 5]);
        reach.deliver(Seq(5), true);
        reach.pass(Seq(99));
        assert_eq!(reach.check(Seq(99)), Verdict::Plausible);
        assert_eq!(reach.check(Seq(8)), Verdict::Doubtful);
        assert_eq!(reach.check(Seq(8)), Verdict::SteppedBack);
        assert_eq!((reach.complete(), reach.seen(1)), (Seq(5), Seq(5)));
    }

    #[test]
    fn a_journal_that_ends_before_what_was_delivered_has_shrunk() {
        let mut reach = reach([40, 40]);
        reach.deliver(Seq(40), true);
        for _ in 0..3 {
            assert_eq!(reach.check(Seq(8)), Verdict::Doubtful);
            assert_eq!(reach.check(Seq(8)), Verdict::Shrunk);
            assert_eq!(reach.complete(), Seq(40));
        }
        assert_eq!(reach.check(Seq(40)), Verdict::Plausible);
    }

    #[test]
    fn who_began_with_what_a_relay_said_begins_anew_when_that_is_denied() {
        let mut reach = Reach::new(1);
        reach.pass(Seq(1 << 63));
        assert_eq!(reach.check(Seq(1 << 63)), Verdict::Plausible);
        assert_eq!(reach.check(Seq(8)), Verdict::Doubtful);
        assert_eq!(reach.check(Seq(8)), Verdict::StartOver);
    }
}
