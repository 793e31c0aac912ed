//! What becomes of a page that fits its request.

use laniakea_event::{Prefix, RelayNote, Seq, SubmittedEvent};

use super::{Follower, Start, State, Step, Update, holes::Holes};
use crate::{
    replay::{Contradiction, From, Page, Read},
    subscription::{Delivery, Position},
};

impl Follower {
    pub(super) fn on_page(&mut self, read: &Read, page: Page) -> Result<(), Contradiction> {
        self.check_before(read, &page)?;
        if let From::After(after) = read.from {
            if self.state == State::Starting(Start::After(after)) {
                self.reach.begin(after);
            }
            self.tell_removed(after, page.first);
            if after > page.last {
                return self.wait_beyond(after, page.last);
            }
        }
        let read_from = self.read_from(read);
        // A page of everything that gets on has the event at its end.
        let has_end = self.prefixes.contains(&Prefix::everything()) && page.next > read_from;
        if has_end || page.shows_its_end() {
            self.shown = page.next.max(self.shown);
        }
        let Page { journal, last, next, damaged, events, .. } = page;
        let mut holes = Holes::new(&damaged, read_from);
        let mut is_unreadable = false;
        for event in events {
            let place =
                event.parsed.as_ref().ok().map(|(event, note)| (event.id().clone(), note.clone()));
            let delivery = Delivery::of_page(event, &self.believe, (self.clock)());
            let Some((id, note)) = place else {
                is_unreadable = true;
                self.refuse_unread(None, delivery);
                continue;
            };
            self.tell_holes(holes.before(note.seq));
            let matching = self.matching(&id);
            let is_past = matching.iter().any(|at| note.seq <= self.reach.seen(*at));
            self.reach.read_to(note.seq);
            self.reach.see(&matching, note.seq);
            match delivery {
                Ok(delivery) if !is_past => {
                    if self.is_unheard {
                        self.steps.push(Step::Unheard);
                    }
                    self.reach.deliver(note.seq, true);
                    self.confirm(journal, note.seq);
                    self.deliver(delivery, &note)?;
                }
                Ok(_) => {}
                refused => self.refuse_unread(Some(note.seq), refused),
            }
        }
        self.tell_holes(holes.rest());
        self.reach.read_to(next);
        // Only the relay knows what came before the first event since a time, or before one that
        // cannot be read.
        if is_unreadable || matches!(read.from, From::Since(_)) {
            self.reach.pass(next);
        }
        self.tell(Update::Progress { at: next, last });
        self.state = State::Reading;
        if next == last {
            self.reach_end(next);
        }
        let is_led = |awaited: &mut Position| {
            next == last && (awaited.seq > last || awaited.journal != journal)
        };
        self.awaited.take_if(is_led).map_or(Ok(()), |awaited| {
            let end = format!("its journal {journal} ends with event {last}");
            Err(Contradiction(format!("{end}, and a live event stands at {awaited}")))
        })
    }

    /// What the first event under each prefix names before itself was seen, unless a page before
    /// this one withheld it.
    fn check_before(&mut self, read: &Read, page: &Page) -> Result<(), Contradiction> {
        let From::After(after) = read.from else { return Ok(()) };
        if matches!(self.state, State::Starting(_)) {
            return Ok(());
        }
        let events: Vec<&(SubmittedEvent, RelayNote)> =
            page.events.iter().filter_map(|event| event.parsed.as_ref().ok()).collect();
        for at in 0..self.prefixes.len() {
            let prefix = &self.prefixes[at];
            let seen = self.reach.seen(at);
            let first = events.iter().find(|(event, _)| prefix.matches(event.id()));
            let Some((_, note)) = first else { continue };
            let Some(before) = note.previous(prefix) else { continue };
            if before > seen && before <= after && before >= page.first {
                self.reach.reread(at);
                return Err(Contradiction(format!(
                    "event {} names {before} before it, which was withheld when {seen} to {after} was read",
                    note.seq
                )));
            }
        }
        Ok(())
    }

    fn tell_removed(&mut self, after: Seq, first: Seq) {
        if after.next() < first {
            self.tell(Update::Lost { after, before: first });
            self.reach.pass(Seq(first.0 - 1));
        }
    }

    /// The position is further than the journal.
    fn wait_beyond(&mut self, after: Seq, last: Seq) -> Result<(), Contradiction> {
        self.state = super::FOLLOWING;
        Err(Contradiction(format!(
            "its journal ends with event {last}, before the position {after}: events up to there are \
             not delivered"
        )))
    }

    /// The position that was read from; the beginning where only the relay knows it.
    fn read_from(&self, read: &Read) -> Seq {
        match read.from {
            From::After(after) => after.max(self.reach.complete()),
            From::Since(_) => Seq::START,
        }
    }

    fn tell_holes(&mut self, holes: Vec<(Seq, Seq)>) {
        for (after, before) in holes {
            self.tell(Update::Lost { after, before });
            self.reach.pass(Seq(before.0.saturating_sub(1)));
        }
    }

    fn refuse_unread(
        &mut self,
        seq: Option<Seq>,
        delivery: Result<Delivery, laniakea_event::Rejection>,
    ) {
        if let Err(rejection) = delivery {
            self.tell(Update::Refused { seq, reason: rejection.to_string() });
        }
    }
}
