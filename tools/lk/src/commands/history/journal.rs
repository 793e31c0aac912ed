//! The relay's journal, read over the replay endpoint in pages.

use std::{collections::VecDeque, io};

use anyhow::ensure;
use laniakea_daemon::Clock;
use laniakea_event::{Prefix, Seq};
use laniakea_wire::{
    replay::{From, Page, PageEvent, Read, ReplayClient, Request},
    subscription::{Believe, Delivery},
};
use uuid::Uuid;

use crate::{
    endpoints::ReplayEndpoint,
    follow::{Filter, Refusals, Selection},
    output::Progress,
    session::Session,
};

/// Events of one page.
const PAGE: usize = 1_000;

/// The events after one position, up to and with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) after: Seq,
    pub(super) to: Seq,
}

/// What somebody wants to see of the relay's journal.
pub(super) struct Journal<'a> {
    client: ReplayClient,
    prefixes: &'a [Prefix],
    filter: Filter,
    believe: Believe,
    /// The journal, once the relay has told.
    id: Option<Uuid>,
    progress: Progress,
    refusals: Refusals,
    clock: &'a dyn Clock,
}

impl<'a> Journal<'a> {
    pub(super) fn open(
        endpoint: &ReplayEndpoint,
        prefixes: &'a [Prefix],
        selection: &'a Selection,
        session: &Session<'a>,
    ) -> anyhow::Result<Self> {
        let believe = selection.trusting.believe(session.notices)?;
        let client = endpoint.connect()?;
        Ok(Self {
            client,
            prefixes,
            filter: Filter::new(selection.filter.clone(), session.notices),
            believe,
            id: None,
            progress: Progress::new(session.notices),
            refusals: Refusals::new(session.notices),
            clock: session.clock,
        })
    }

    /// Finds the positions between which the relay took events in this time.
    pub(super) fn range(
        &mut self,
        since: Option<String>,
        until: Option<String>,
    ) -> anyhow::Result<Range> {
        let after = match since {
            Some(time) => self.last_before(time)?,
            None => Seq::START,
        };
        let to = match until {
            Some(time) => self.last_before(time)?,
            None => self.last()?,
        };
        Ok(Range { after, to })
    }

    /// The newest event that the relay took before this time.
    fn last_before(&mut self, time: String) -> anyhow::Result<Seq> {
        let mut from = From::Since(time);
        loop {
            let read = Read { from, prefixes: Vec::new(), limit: 1 };
            let page = self.page(&read)?;
            let first = page.events.first().map(|event| event.seq().unwrap_or(page.next));
            let first = first.into_iter().chain(page.damaged.first().copied()).min();
            if let Some(first) = first {
                return Ok(Seq(first.0.saturating_sub(1)));
            }
            if page.next >= page.last {
                return Ok(page.last);
            }
            from = From::After(page.next);
        }
    }

    /// Hands over every event of the range, in the order of the journal.
    pub(super) fn read(
        &mut self,
        range: Range,
        each: &mut dyn FnMut(Delivery) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        self.progress.begin(range.after);
        self.read_pages(range, range.to, each)?;
        self.progress.finish();
        self.refusals.sum_up();
        Ok(())
    }

    /// The newest events of the range, in the order of the journal.
    ///
    /// The journal is read forwards only: a piece at its end is read first, and as long as that
    /// does not hold enough, a larger piece before it.
    pub(super) fn newest(
        &mut self,
        range: Range,
        limit: usize,
    ) -> anyhow::Result<VecDeque<Delivery>> {
        let mut found = VecDeque::new();
        let mut to = range.to;
        let mut length = limit as u64;
        while found.len() < limit && to > range.after {
            let after = range.after.max(Seq(to.0.saturating_sub(length)));
            let wanted = limit - found.len();
            let mut piece = VecDeque::new();
            self.read_pages(Range { after, to }, range.to, &mut |delivery| {
                piece.push_back(delivery);
                if piece.len() > wanted {
                    piece.pop_front();
                }
                Ok(())
            })?;
            piece.append(&mut found);
            found = piece;
            to = after;
            length = length.saturating_mul(4);
        }
        self.progress.finish();
        self.refusals.sum_up();
        Ok(found)
    }

    fn read_pages(
        &mut self,
        Range { mut after, to }: Range,
        last: Seq,
        each: &mut dyn FnMut(Delivery) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        while after < to {
            let limit = usize::try_from(to.0 - after.0).unwrap_or(PAGE).min(PAGE);
            let prefixes = self.prefixes.to_vec();
            let read = Read { from: From::After(after), prefixes, limit };
            let page = self.page(&read)?;
            for event in page.events {
                if let Some(delivery) = self.select(event, to) {
                    self.progress.aside(|| each(delivery))?;
                }
            }
            after = page.next.min(to);
            self.progress.reach(after, last);
            if after >= page.last {
                break;
            }
        }
        Ok(())
    }

    /// The event, if it is one to show.
    fn select(&self, event: PageEvent, to: Seq) -> Option<Delivery> {
        let delivery = match Delivery::of_page(event, &self.believe, self.clock.now()) {
            Ok(delivery) => delivery,
            Err(rejection) => {
                self.progress.aside(|| self.refusals.tell(None, &rejection.to_string()));
                return None;
            }
        };
        let is_in_range = delivery.note().is_some_and(|note| note.seq <= to);
        let is_meant = self.filter.matches(&delivery);
        (is_in_range && is_meant).then_some(delivery)
    }

    /// Where the journal ends now.
    fn last(&mut self) -> anyhow::Result<Seq> {
        let header = self.client.request(&Request::Status(None))?.header;
        self.check_journal(header.journal)?;
        Ok(header.last)
    }

    fn page(&mut self, read: &Read) -> anyhow::Result<Page> {
        let page = self.client.read(read)?;
        self.check_journal(page.journal)?;
        Ok(page)
    }

    fn check_journal(&mut self, journal: Uuid) -> anyhow::Result<()> {
        ensure!(
            *self.id.get_or_insert(journal) == journal,
            "the relay began another journal while this one was read; start again"
        );
        Ok(())
    }
}
