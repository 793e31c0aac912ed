//! Pages of events, with or without a filter.

use std::ops::ControlFlow;

use laniakea_event::Seq;
use laniakea_journal::{Bounds, Page, Query, Selection, Spending, StoredEvent};
use rusqlite::{Connection, Row, Rows};

use crate::{
    block::{self, Block},
    error::{Damage, EventDamage, is_corruption},
    position,
    row::{self, COLUMNS, to_integer},
};

/// Reads one page.
pub(crate) fn read(connection: &Connection, query: &Query) -> Result<Page, Damage> {
    let Bounds { first, last } = position::bounds(connection)?;
    if query.after >= last {
        return Ok(Page { events: Vec::new(), next: query.after, first, last });
    }
    let after = query.after.max(Seq(first.0 - 1));
    let selection = Selection::new(&query.prefixes);
    let spending = query.budget.spend();
    let mut page = Filling { query, spending, events: Vec::new(), bytes: 0, next: after };
    let filled = if selection.is_everything() {
        scan(connection, &mut page, last, &selection)
    } else {
        select(connection, &mut page, last, &selection)
    };
    match filled {
        // What was read up to the damage is good; the next page begins with it.
        Err(_) if page.next > after => {}
        filled => drop(filled?),
    }
    Ok(Page { events: page.events, next: page.next, first, last })
}

/// A page while it is filled.
struct Filling<'q> {
    query: &'q Query,
    spending: Spending,
    events: Vec<StoredEvent>,
    bytes: usize,
    /// Everything up to here was looked at.
    next: Seq,
}

impl Filling<'_> {
    /// Adds an event, and breaks when there is no room for another one, or not even for this.
    fn add(&mut self, event: StoredEvent) -> ControlFlow<()> {
        let bytes = self.bytes.saturating_add(event.frame.len());
        if bytes > self.query.max_bytes && !self.events.is_empty() {
            return ControlFlow::Break(());
        }
        self.bytes = bytes;
        let seq = event.seq;
        self.events.push(event);
        if self.events.len() >= self.query.limit {
            self.next = seq;
            return ControlFlow::Break(());
        }
        self.reach(seq)
    }

    /// Everything up to here was looked at. Breaks when that is enough for one page.
    fn reach(&mut self, seq: Seq) -> ControlFlow<()> {
        self.next = seq;
        if self.spending.is_spent() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// Looks at each event up to `last`.
fn scan(
    connection: &Connection,
    page: &mut Filling<'_>,
    last: Seq,
    selection: &Selection<'_>,
) -> Result<ControlFlow<()>, Damage> {
    let mut select = connection.prepare_cached(&format!(
        // Not `seq > ?`: that would begin with a look at the event before, whose part of the file
        // may be the one that cannot be read.
        "SELECT {COLUMNS} FROM event WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq"
    ))?;
    let mut rows = select.query((to_integer(page.next.next()), to_integer(last)))?;
    while let Some(row) = next(&mut rows, page.next.next())? {
        let seq = page.next.next();
        if row::seq(row, 0)? != seq {
            return Err(Damage::Event { seq, what: EventDamage::Missing });
        }
        page.spending.add(1);
        let id = row::event_id(row, 2).map_err(|what| Damage::Event { seq, what })?;
        let is_selected = selection.selects(&id);
        let step = if is_selected { page.add(row::decode(row)?) } else { page.reach(seq) };
        if step.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    if page.next < last {
        return Err(Damage::Event { seq: page.next.next(), what: EventDamage::Missing });
    }
    Ok(ControlFlow::Continue(()))
}

/// The next row, which is that of event `seq`. Where a part of the file makes no sense, the events in
/// it are damaged one by one, and what stands in other parts can be read.
fn next<'r, 's>(rows: &'r mut Rows<'s>, seq: Seq) -> Result<Option<&'r Row<'s>>, Damage> {
    rows.next().map_err(|error| {
        if is_corruption(&error) {
            return Damage::Event { seq, what: EventDamage::Unreadable };
        }
        error.into()
    })
}

/// Looks at the events that the index names, and at each of those behind the index.
fn select(
    connection: &Connection,
    page: &mut Filling<'_>,
    last: Seq,
    selection: &Selection<'_>,
) -> Result<ControlFlow<()>, Damage> {
    let indexed = Block::first_incomplete(last).start();
    while page.next < indexed {
        let block = Block::of(page.next.next());
        let is_break = select_in(connection, page, block, selection)?.is_break();
        if is_break || page.reach(block.end()).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    scan(connection, page, last, selection)
}

fn select_in(
    connection: &Connection,
    page: &mut Filling<'_>,
    block: Block,
    selection: &Selection<'_>,
) -> Result<ControlFlow<()>, Damage> {
    let mut select =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM event WHERE seq = ?1"))?;
    let found = match block::seqs_selected(connection, block, selection, &mut page.spending) {
        // The events are still there.
        Err(damage) if damage.is_of_file() => {
            return scan(connection, page, block.end(), selection);
        }
        found => found?,
    };
    for (seq, id) in found.range(page.next.next()..) {
        let damage = |what| Damage::Event { seq: *seq, what };
        let mut rows = select.query([to_integer(*seq)])?;
        let row = next(&mut rows, *seq)?.ok_or(damage(EventDamage::Missing))?;
        let event = row::decode(row)?;
        if event.id != *id {
            return Err(damage(EventDamage::Id));
        }
        page.spending.add(1);
        if page.add(event).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
