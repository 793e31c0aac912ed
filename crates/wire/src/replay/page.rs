//! A page of the journal, held against the request that it answers.
//!
//! Nobody signs what a relay says of its journal. What it says must at least fit together: then an
//! answer that leaves something out, comes in another order or goes further than the journal is told
//! from one that can be read on from.

use std::collections::BTreeSet;

use laniakea_event::{Limits, Prefix, Rejection, RelayNote, Seq, SubmittedEvent};
use uuid::Uuid;

use super::{Answer, From, Header, Read};

/// What a relay said does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Contradiction(pub(crate) String);

/// A page that fits the request that it answers.
#[derive(Debug)]
pub struct Page {
    /// The journal that was read.
    pub journal: Uuid,
    /// The oldest event that the journal still has.
    pub first: Seq,
    /// The newest event.
    pub last: Seq,
    /// The journal was read up to here.
    pub next: Seq,
    /// Events that the page passed over, since what the journal holds of them is damaged.
    pub damaged: BTreeSet<Seq>,
    /// The events, in the order of the journal.
    pub events: Vec<PageEvent>,
}

/// An event of a page.
#[derive(Debug)]
pub struct PageEvent {
    /// As it was published.
    pub frame: Vec<u8>,
    /// What it says, not verified; a relay may have taken what this consumer cannot read.
    pub parsed: Result<(SubmittedEvent, RelayNote), Rejection>,
}

impl PageEvent {
    /// Where the event stands, if it can be read.
    pub fn seq(&self) -> Option<Seq> {
        self.parsed.as_ref().ok().map(|(_, note)| note.seq)
    }
}

impl Header {
    /// Holds the members that every answer has against each other.
    ///
    /// # Errors
    ///
    /// The journal would begin behind its end.
    pub fn check(&self) -> Result<(), Contradiction> {
        let Self { first, last, .. } = self;
        ensure(*first <= last.next(), || {
            format!("its journal begins with event {first} and ends with event {last}")
        })
    }
}

impl Page {
    /// Holds an answer against its request.
    ///
    /// # Errors
    ///
    /// What it says does not fit the request, or not together.
    pub fn of(read: &Read, answer: Answer) -> Result<Self, Contradiction> {
        let Answer { header, events: frames } = answer;
        header.check()?;
        let Header { journal, first, last, count, next, .. } = header;
        let next = next.ok_or_else(|| Contradiction("a page without `next`".to_owned()))?;
        let sent = frames.len();
        ensure(count.is_none_or(|count| count == sent), || {
            format!("a page of {} events that has {sent}", count.unwrap_or_default())
        })?;
        ensure(sent <= read.limit, || {
            format!("{sent} events, of which at most {} were asked for", read.limit)
        })?;
        let damaged: BTreeSet<Seq> = header.damaged.into_iter().collect();
        let events = frames.into_iter().map(open).collect::<Result<_, _>>()?;
        let page = Self { journal, first, last, next, damaged, events };
        page.check_end(read)?;
        page.check_damaged(read)?;
        page.check_events(read)?;
        page.check_whole(read)?;
        Ok(page)
    }

    /// Whether something shows that the journal reaches `next`: that event itself, its damage, or
    /// that the journal has removed it since.
    pub(crate) fn shows_its_end(&self) -> bool {
        self.damaged.contains(&self.next)
            || self.next < self.first
            || self.events.last().and_then(PageEvent::seq) == Some(self.next)
    }

    /// A page gets on, and not beyond the journal.
    fn check_end(&self, read: &Read) -> Result<(), Contradiction> {
        let Self { next, last, .. } = self;
        let From::After(after) = read.from else {
            return ensure(next <= last, || beyond(*next, *last));
        };
        if after >= *last {
            return ensure(*next == after, || {
                format!("it read from {after} to {next} in a journal that ends with event {last}")
            });
        }
        ensure(next <= last, || beyond(*next, *last))?;
        ensure(*next > after, || {
            format!(
                "reading from {after} gets no further, in a journal that ends with event {last}"
            )
        })
    }

    fn check_damaged(&self, read: &Read) -> Result<(), Contradiction> {
        let after = begin(read);
        let stray = self.damaged.iter().find(|seq| **seq <= after || **seq > self.next);
        ensure(stray.is_none(), || {
            let (next, stray) = (self.next, stray.copied().unwrap_or_default());
            format!("event {stray} is damaged, on a page from {after} to {next}")
        })
    }

    /// Each event says of itself what fits the page.
    fn check_events(&self, read: &Read) -> Result<(), Contradiction> {
        let mut at = begin(read);
        for (event, note) in self.events.iter().filter_map(|event| event.parsed.as_ref().ok()) {
            let RelayNote { seq, journal, .. } = note;
            ensure(*journal == self.journal, || {
                format!("event {seq} is of the journal {journal}, on a page of {}", self.journal)
            })?;
            check_note(note)?;
            ensure(*seq > at && *seq <= self.next, || {
                format!("event {seq} comes after {at}, on a page that ends with {}", self.next)
            })?;
            ensure(*seq >= self.first && !self.damaged.contains(seq), || {
                format!("event {seq} is there, and is damaged or removed")
            })?;
            let is_meant = |prefix: &Prefix| prefix.matches(event.id());
            ensure(read.prefixes.is_empty() || read.prefixes.iter().any(is_meant), || {
                format!("event {seq} has the id {}, for which nobody asked", event.id())
            })?;
            at = *seq;
        }
        Ok(())
    }

    /// What the events say of each other, and that a page of everything has everything.
    fn check_whole(&self, read: &Read) -> Result<(), Contradiction> {
        let everything = [Prefix::everything()];
        let prefixes = if read.prefixes.is_empty() { &everything[..] } else { &read.prefixes };
        let is_unreadable = |event: &PageEvent| event.parsed.is_err();
        let unreadable = self.events.iter().filter(|event| is_unreadable(event)).count();
        if prefixes.contains(&everything[0]) {
            self.check_count(read, unreadable)?;
        }
        if unreadable > 0 {
            return Ok(());
        }
        for prefix in prefixes {
            // Where reading since a time begins, only the first event tells.
            let mut at = match read.from {
                From::After(after) => Some(after),
                From::Since(_) => None,
            };
            let known = |seq: Seq, at: Seq| seq <= at || seq < self.first;
            for (event, note) in self.events.iter().filter_map(|event| event.parsed.as_ref().ok()) {
                if !prefix.matches(event.id()) {
                    continue;
                }
                let seq = note.seq;
                if let (Some(at), Some(before)) = (at, note.previous(prefix)) {
                    ensure(known(before, at) || self.damaged.contains(&before), || {
                        format!("event {seq} names {before} before it, and the page has {at} there")
                    })?;
                }
                at = Some(seq);
            }
        }
        Ok(())
    }

    /// A journal counts without holes.
    fn check_count(&self, read: &Read, unreadable: usize) -> Result<(), Contradiction> {
        let oldest = Seq(self.first.0.saturating_sub(1));
        let begin = match read.from {
            From::After(after) => after.max(oldest),
            From::Since(_) if unreadable > 0 => return Ok(()),
            From::Since(_) => {
                let first = self.events.first().and_then(PageEvent::seq);
                let first = first.into_iter().chain(self.damaged.first().copied()).min();
                first.map_or(self.next, |first| Seq(first.0.saturating_sub(1)))
            }
        };
        let damaged = self.damaged.range(begin.next()..).count();
        let (have, want) = (self.events.len() + damaged, self.next.0.saturating_sub(begin.0));
        ensure(have as u64 == want, || {
            format!("a page of all {want} events from {begin} to {} that has {have}", self.next)
        })
    }
}

/// What a note says of its own place.
pub(crate) fn check_note(note: &RelayNote) -> Result<(), Contradiction> {
    let RelayNote { seq, received, prev, .. } = note;
    ensure(note.received_at().is_some(), || {
        let received: String = received.chars().take(40).collect();
        format!("event {seq} was received at {received:?}, which is no time")
    })?;
    let later = prev.values().find(|before| *before >= seq);
    ensure(later.is_none(), || {
        format!("event {seq} names {} before it", later.copied().unwrap_or_default())
    })
}

fn open(frame: Vec<u8>) -> Result<PageEvent, Contradiction> {
    // How long it may be is the consumer's affair; the socket has bounded it.
    let limits = Limits { max_bytes: usize::MAX, ..Limits::FROM_RELAY };
    let parsed = match SubmittedEvent::parse(&frame, &limits) {
        Ok(event) => {
            let note = event.unsigned().and_then(RelayNote::parse);
            let note = note.ok_or_else(|| {
                Contradiction(format!("a {} that no note says the place of", event.id()))
            })?;
            Ok((event, note))
        }
        Err(rejection) => Err(rejection),
    };
    Ok(PageEvent { frame, parsed })
}

/// Where a page begins; the beginning of the journal where only the relay knows.
fn begin(read: &Read) -> Seq {
    match read.from {
        From::After(after) => after,
        From::Since(_) => Seq::START,
    }
}

fn beyond(next: Seq, last: Seq) -> String {
    format!("it read up to {next} in a journal that ends with event {last}")
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Contradiction> {
    if holds { Ok(()) } else { Err(Contradiction(otherwise())) }
}

#[cfg(test)]
mod tests;
