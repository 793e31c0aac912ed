//! A journal from one end to the other, with damaged events as such.

use std::ops::ControlFlow;

use laniakea_event::{Prefix, Seq};
use laniakea_journal::{Budget, JournalError, Query, StoredEvent};
use laniakea_journal_sqlite::JournalReader;

const PAGE: usize = 1_000;
const PAGE_BYTES: usize = 16 << 20;

/// What reading comes to next.
pub(crate) enum Piece {
    /// Events in ascending order, and the position up to which everything was looked at.
    Events(Vec<StoredEvent>, Seq),
    /// One event that is not what was written.
    Damaged(Seq, JournalError),
}

/// Reads what matches behind `after`, up to the event that is the last one now.
pub(crate) fn read(
    journal: &JournalReader,
    after: Seq,
    prefixes: &[Prefix],
    mut each: impl FnMut(Piece) -> anyhow::Result<ControlFlow<()>>,
) -> anyhow::Result<()> {
    let last = journal.bounds()?.last;
    let mut after = after;
    while after < last {
        let query = Query {
            after,
            prefixes: prefixes.to_vec(),
            limit: PAGE,
            max_bytes: PAGE_BYTES,
            budget: Budget::UNLIMITED,
        };
        let piece = match journal.read(&query) {
            Ok(mut page) => {
                // A relay that writes meanwhile would keep this going for ever.
                page.events.retain(|event| event.seq <= last);
                after = page.next;
                Piece::Events(page.events, page.next.min(last))
            }
            Err(JournalError::DamagedEvent { journal, seq, source }) if seq > after => {
                after = seq;
                Piece::Damaged(seq, JournalError::DamagedEvent { journal, seq, source })
            }
            Err(error) => return Err(error.into()),
        };
        if each(piece)?.is_break() {
            break;
        }
    }
    Ok(())
}
