//! Live events say where they stand in the journal, and nobody signed that. A header of the
//! replay endpoint has the last word.

use laniakea_event::Seq;

/// What live events claim, beyond what the journal is known to hold.
#[derive(Debug)]
pub(super) struct Claims {
    /// For each prefix, as in the follower: how far everything was certainly delivered.
    certain: Vec<Seq>,
    /// A header did not go so far. The event may be newer than that header, not than the next.
    doubtful: Option<Seq>,
}

/// What a header says about the claims.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The header goes as far as they do, or they are as new as ever.
    Plausible,
    /// It does not; the next header tells more.
    Doubtful,
    /// One of them is false. Only up to these positions was everything certainly delivered.
    Refuted(Vec<Seq>),
}

impl Claims {
    pub(super) fn new(prefixes: usize) -> Self {
        Self { certain: vec![Seq::START; prefixes], doubtful: None }
    }

    /// The journal was read up to here.
    pub(super) fn advance(&mut self, seq: Seq) {
        for certain in &mut self.certain {
            *certain = seq.max(*certain);
        }
    }

    /// Holds the positions in `done` against a header that was asked for after the last one came.
    pub(super) fn check(&mut self, done: &[Seq], last: Seq) -> Verdict {
        let furthest = done.iter().copied().max().unwrap_or_default();
        if furthest <= last || done == self.certain {
            self.certain = done.to_vec();
            self.doubtful = None;
            return Verdict::Plausible;
        }
        match self.doubtful.replace(furthest) {
            None => Verdict::Doubtful,
            Some(doubtful) if last >= doubtful => Verdict::Plausible,
            Some(_) => {
                self.doubtful = None;
                Verdict::Refuted(self.certain.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(read: u64) -> Claims {
        let mut claims = Claims::new(2);
        claims.advance(Seq(read));
        claims
    }

    #[test]
    fn an_event_that_overtook_a_header_is_no_lie() {
        let mut claims = claims(3);
        assert_eq!(claims.check(&[Seq(3), Seq(9)], Seq(8)), Verdict::Doubtful);
        assert_eq!(claims.check(&[Seq(3), Seq(12)], Seq(11)), Verdict::Plausible);
        assert_eq!(claims.check(&[Seq(3), Seq(12)], Seq(12)), Verdict::Plausible);
    }

    #[test]
    fn what_two_headers_in_a_row_deny_is_a_lie() {
        let mut claims = claims(3);
        assert_eq!(claims.check(&[Seq(3), Seq(5)], Seq(8)), Verdict::Plausible);
        assert_eq!(claims.check(&[Seq(3), Seq(99)], Seq(8)), Verdict::Doubtful);
        let refuted = Verdict::Refuted(vec![Seq(3), Seq(5)]);
        assert_eq!(claims.check(&[Seq(3), Seq(99)], Seq(9)), refuted);
    }

    #[test]
    fn a_position_beyond_the_journal_that_nobody_claimed_is_left_alone() {
        let mut claims = claims(40);
        for _ in 0..3 {
            assert_eq!(claims.check(&[Seq(40), Seq(40)], Seq(8)), Verdict::Plausible);
        }
    }
}
