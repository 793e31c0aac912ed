//! What becomes of a live event: it is next, it was delivered, or the journal has to be read.

use laniakea_event::{Prefix, RelayNote, Seq};

use super::{Follower, State, Update};
use crate::{
    replay::{Contradiction, check_note},
    subscription::{Delivery, Position},
};

/// How a live event stands to what was delivered.
enum Place {
    /// Nothing lies between.
    Next,
    /// It was delivered.
    Past,
    /// Something lies between.
    Ahead,
    /// A page passed over it, or over what it names before itself, under this prefix.
    Withheld(usize),
}

impl Follower {
    /// A frame of the live stream.
    pub(in crate::subscription) fn on_live(&mut self, topic: &[u8], frame: &[u8]) {
        self.is_unheard = false;
        if !matches!(self.state, State::Following { .. }) {
            // The journal has it, and reading will come to it.
            self.is_behind = true;
            return;
        }
        match Delivery::open(frame.to_vec(), &self.believe, (self.clock)()) {
            Ok(delivery) if delivery.id().as_str().as_bytes() != topic => {
                self.refuse(&delivery, "it was published under another id");
            }
            Ok(delivery) => self.follow(delivery),
            Err(rejection) => {
                self.tell(Update::Refused { seq: None, reason: rejection.to_string() });
            }
        }
    }

    fn follow(&mut self, delivery: Delivery) {
        let matching = self.matching(delivery.id());
        if matching.is_empty() {
            return;
        }
        let Some(note) = delivery.note().cloned() else {
            if self.has_replay {
                self.refuse(&delivery, "it has no note of the relay");
            } else {
                self.tell(Update::Event(Box::new(delivery)));
            }
            return;
        };
        let contradiction = check_note(&note).err();
        if !self.has_replay {
            if let Some(said) = contradiction {
                self.contradict(said);
            }
            self.follow_alone(delivery, &matching, &note);
            return;
        }
        if let Some(said) = contradiction {
            self.contradict(said);
            self.look_again();
        } else if self.journals.current != Some(note.journal) {
            // Anybody could claim that; the replay header decides. What lingers of a journal that
            // was read before is no claim.
            if !self.journals.has_left(note.journal) {
                self.awaited = Some(position(&note));
            }
            self.look_again();
        } else {
            self.place(delivery, &matching, &note);
        }
    }

    fn place(&mut self, delivery: Delivery, matching: &[usize], note: &RelayNote) {
        match self.place_of(matching, note) {
            Place::Past => {}
            Place::Next => {
                self.reach.see(matching, note.seq);
                self.reach.deliver(note.seq, false);
                if let Err(contradiction) = self.deliver(delivery, note) {
                    self.contradict(contradiction);
                    self.look_again();
                }
            }
            Place::Ahead => {
                self.awaited = Some(position(note));
                self.look_again();
            }
            Place::Withheld(at) => {
                let (seen, done) = (self.reach.seen(at), self.reach.done(at));
                let said = format!(
                    "nothing that was asked for stands between {seen} and {done}, and a live event at {} \
                     says otherwise",
                    note.seq
                );
                self.reach.reread(at);
                self.awaited = Some(position(note));
                self.contradict(Contradiction(said));
                self.look_again();
            }
        }
    }

    fn place_of(&self, matching: &[usize], note: &RelayNote) -> Place {
        let RelayNote { seq, .. } = note;
        if matching.iter().any(|at| *seq <= self.reach.seen(*at)) {
            return Place::Past;
        }
        let mut place = Place::Next;
        for at in matching.iter().copied() {
            let (seen, done) = (self.reach.seen(at), self.reach.done(at));
            let before = self.before(at, note);
            if *seq <= done || before.is_some_and(|before| before > seen && before <= done) {
                return Place::Withheld(at);
            }
            if before.is_none_or(|before| before > seen) {
                place = Place::Ahead;
            }
        }
        place
    }

    /// The event before this one under a prefix. A journal counts without holes, whatever notes say.
    fn before(&self, at: usize, note: &RelayNote) -> Option<Seq> {
        let prefix = &self.prefixes[at];
        if *prefix == Prefix::everything() {
            return Some(Seq(note.seq.0.saturating_sub(1)));
        }
        note.previous(prefix)
    }

    /// Without a journal to ask, gaps can only be told, and every event that comes is delivered.
    fn follow_alone(&mut self, delivery: Delivery, matching: &[usize], note: &RelayNote) {
        let is_same_journal = self.journals.current.replace(note.journal) == Some(note.journal);
        let is_past = matching.iter().any(|at| note.seq <= self.reach.seen(*at));
        let is_gap = matching.iter().any(|at| {
            note.previous(&self.prefixes[*at]).is_none_or(|prev| prev > self.reach.seen(*at))
        });
        if is_same_journal && is_gap && !is_past {
            self.tell(Update::Lost { after: self.reach.complete(), before: note.seq });
        }
        self.reach.jump(matching, note.seq);
        if let Err(contradiction) = self.deliver(delivery, note) {
            self.contradict(contradiction);
        }
    }
}

fn position(note: &RelayNote) -> Position {
    Position { journal: note.journal, seq: note.seq }
}
