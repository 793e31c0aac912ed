//! One group in one transaction.

use std::collections::BTreeMap;

use laniakea_event::{Seq, SignerId};
use laniakea_journal::{Appended, Entry, JournaledEvent, Position};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

use crate::{
    block::{self, Block, Unindexed},
    dedupe::{Dedupe, Taken},
    error::Damage,
    prefixes::{self, PrefixCache, Prefixes},
    row,
};

/// What the writer knows of the committed journal, so that an append need not read it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) last: Seq,
    /// The greatest `received` of the events that are left.
    pub(crate) latest: Option<i64>,
    /// The events behind the last complete block.
    unindexed: Vec<Unindexed>,
    prefixes: PrefixCache,
}

/// What a transaction changed of it.
pub(crate) struct Changes {
    last: Seq,
    latest: Option<i64>,
    new: Vec<Unindexed>,
    prefixes: BTreeMap<String, Seq>,
}

/// Whose journal it is: what every note says.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) relay: SignerId,
    pub(crate) journal: Uuid,
}

impl State {
    pub(crate) fn load(connection: &Connection) -> Result<Self, Damage> {
        let last = prefixes::last(connection)?;
        let latest = latest(connection)?;
        let unindexed = block::unindexed(connection, last)?;
        Ok(Self { last, latest, unindexed, prefixes: PrefixCache::default() })
    }

    /// Takes over what a transaction that is now committed changed.
    pub(crate) fn adopt(&mut self, changes: Changes) {
        let Changes { last, latest, mut new, prefixes } = changes;
        self.unindexed.append(&mut new);
        let incomplete = Block::first_incomplete(last);
        if incomplete != Block::first_incomplete(self.last) {
            self.unindexed.retain(|event| event.seq > incomplete.start());
        }
        self.last = last;
        self.latest = latest;
        self.prefixes.adopt(prefixes);
    }
}

/// The greatest `received` of the events that are left, which the last of them knows.
pub(crate) fn latest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT (SELECT latest FROM event ORDER BY seq DESC LIMIT 1)";
    connection.query_row(select, [], |row| row.get(0))
}

/// Appends a group; on any error the transaction leaves nothing.
pub(crate) fn append(
    connection: &Connection,
    owner: &Owner,
    state: &State,
    group: &[Entry],
) -> rusqlite::Result<(Vec<Appended>, Changes)> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut append = Append::new(connection, owner, state)?;
    append.new.reserve(group.len());
    let mut outcomes = Vec::with_capacity(group.len());
    for entry in group {
        outcomes.push(append.take(entry)?);
    }
    let changes = append.finish(connection)?;
    transaction.commit()?;
    Ok((outcomes, changes))
}

struct Append<'c> {
    owner: &'c Owner,
    state: &'c State,
    dedupe: Dedupe<'c>,
    prefixes: Prefixes<'c>,
    insert: row::Insert<'c>,
    last: Seq,
    latest: Option<i64>,
    new: Vec<Unindexed>,
}

impl<'c> Append<'c> {
    fn new(
        connection: &'c Connection,
        owner: &'c Owner,
        state: &'c State,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            owner,
            state,
            dedupe: Dedupe::new(connection)?,
            prefixes: Prefixes::new(connection, &state.prefixes)?,
            insert: row::Insert::new(connection)?,
            last: state.last,
            latest: state.latest,
            new: Vec::new(),
        })
    }

    fn take(&mut self, entry: &Entry) -> rusqlite::Result<Appended> {
        let seq = self.last.next();
        match self.dedupe.take(entry, seq)? {
            Taken::Now => self.record(entry, seq).map(Appended::Journaled),
            Taken::Before(seq) => Ok(Appended::Duplicate { seq }),
            Taken::Conflict(signer) => Ok(Appended::Conflict { signer }),
        }
    }

    fn record(&mut self, entry: &Entry, seq: Seq) -> rusqlite::Result<JournaledEvent> {
        let prev = self.prefixes.advance(entry.event.id(), seq)?;
        let Owner { relay, journal } = self.owner;
        let position = Position { relay: relay.clone(), journal: *journal, seq, prev };
        let event = JournaledEvent::new(entry, position);
        let received = event.received().as_microsecond();
        let latest = self.latest.map_or(received, |latest| latest.max(received));
        self.insert.execute(&event, latest)?;
        self.new.push(Unindexed { seq, id: event.id().clone(), digest: event.digest() });
        self.last = seq;
        self.latest = Some(latest);
        Ok(event)
    }

    /// Writes what a group writes once: its prefixes, and the index of blocks that it completed.
    fn finish(self, connection: &Connection) -> rusqlite::Result<Changes> {
        let prefixes = self.prefixes.write(connection)?;
        let end = Block::first_incomplete(self.last);
        let mut block = Block::first_incomplete(self.state.last);
        while block < end {
            let events = self.state.unindexed.iter().chain(&self.new);
            let in_block = |event: &&Unindexed| Block::of(event.seq) == block;
            block::write(connection, block, events.filter(in_block))?;
            block = block.next();
        }
        Ok(Changes { last: self.last, latest: self.latest, new: self.new, prefixes })
    }
}
