//! The contract.

use laniakea_event::{Digest, Seq};
use uuid::Uuid;

use crate::{Appended, Bounds, Budget, Entry, JournalError, Page, Query, StoredEvent};

/// A relay's one history: a total order of events, each digest once, on stable storage.
///
/// Every sentence here and on the methods has a test in the `conformance` module, which every
/// implementation runs.
///
/// **Order.** Events have the seqs 1, 2, 3, … without holes, in the order of the calls to
/// [`append`](Self::append) and, inside a group, of the group. A seq is never given twice, also
/// not after a restart or after retention removed its event.
///
/// **Concurrency.** All methods may be called from any thread at any time. Appends take turns.
/// Reads never wait for an append or a prune, nor make one wait for longer than it takes to
/// hand over a page; each sees one moment of the journal, in which a group is present as a whole
/// or not at all, and in which every event is durable. A read that begins after an append
/// returned sees what it appended. All methods block on the disk: call them from threads that
/// may.
///
/// **Errors.** What each means is written on [`JournalError`]. A failed read changes nothing and
/// never stops appends. No content of the store, however damaged, makes a method panic.
///
/// **Several relays, later.** A distributed implementation belongs behind this same trait: one
/// group is one conditional write against the last seq that the writer knows, each relay keeps
/// its own copy of the dedupe tables, and a lost quorum is recoverable as [`JournalError::Busy`] is.
pub trait Journal: Send + Sync {
    /// The journal's id: random, made with the journal, the same for as long as it exists.
    fn id(&self) -> Uuid;

    /// Records a group in one durable transaction and says what became of each entry, in the
    /// group's order.
    ///
    /// **Durable.** When it returns `Ok`, every journaled event, its digest and its
    /// (signer, uuid) pairs survive the loss of power.
    ///
    /// **Idempotent.** An entry whose digest was ever taken is a [`Appended::Duplicate`] with the
    /// seq it was given then, whatever its signatures, and also after retention removed it.
    /// Otherwise, where the event has a `uuid` and one of its `sources` was ever a source of
    /// another event with that `uuid`, it is a [`Appended::Conflict`] that names the first such
    /// source. The same `uuid` from other sources is no conflict. Entries earlier in the group
    /// count. Duplicates and conflicts take no seq and leave no trace.
    ///
    /// The frame of a journaled event carries a `prev` with the seq, for each of
    /// [`EventId::prefixes`](laniakea_event::EventId::prefixes), of the event before it that
    /// matched: also over restarts, also where retention removed that event, also where it is
    /// in the same group. `received` is taken as it comes, also when it runs backwards.
    ///
    /// An empty group does nothing.
    ///
    /// # Errors
    ///
    /// After [`JournalError::Full`] and [`JournalError::Busy`] nothing of the group is recorded and the same group may be
    /// appended again. After [`JournalError::Write`] the group is recorded as a whole or not at
    /// all, no one knows which, and every further append fails the same way until the journal is
    /// opened anew; what had been acknowledged is there then.
    fn append(&self, group: Vec<Entry>) -> Result<Vec<Appended>, JournalError>;

    /// Reads the events behind `query.after` that match, in ascending order.
    ///
    /// Every matching event between `after` and the page's `next` is in the page; `next` moves
    /// past events that did not match, and is never before `after`. A page may end at any time,
    /// even with no event in it, as long as `next` has moved; `next == last` means that nothing is
    /// left. It ends before it would exceed `limit` or `max_bytes`, but holds at least one event
    /// where one is found, and it ends when its budget is spent, whether it found any or not. Where retention removed events behind `after`, reading goes on with
    /// the first that is left: `first > after + 1` is how the caller knows. An `after` beyond
    /// `last` belongs to another history: the page is empty and its `next` is that `after`.
    ///
    /// # Errors
    ///
    /// A page ends before a damaged event; where it would be the page's first, this is
    /// [`JournalError::DamagedEvent`].
    fn read(&self, query: &Query) -> Result<Page, JournalError>;

    /// Finds the event with this digest, unless retention removed it.
    fn find(&self, digest: &Digest) -> Result<Option<StoredEvent>, JournalError>;

    /// The `after` from which reading starts with the first event that was received at or after
    /// `time`: the smallest such seq that is left, less one. `last` where there is none.
    ///
    /// Clocks jump, so events behind that one may have been received before `time`. Where the
    /// budget is spent first, it is an earlier position, and never a later one.
    fn position_at(&self, time: jiff::Timestamp, budget: Budget) -> Result<Seq, JournalError>;

    /// Which events are left.
    fn bounds(&self) -> Result<Bounds, JournalError>;

    /// Retention: removes events from the front for as long as they were received before
    /// `before`, and says how many.
    ///
    /// What is left is without holes: an event that a backwards clock put behind a later one
    /// stays until that one goes. Digests and (signer, uuid) pairs are never forgotten, `prev`
    /// goes on as if nothing had been removed, and the seq of the last event is never given
    /// again. It works in small transactions and lets appends in between, so that after an error
    /// or a crash some of the events are gone and the call may simply be made again.
    fn prune(&self, before: jiff::Timestamp) -> Result<u64, JournalError>;
}
