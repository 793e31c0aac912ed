//! Why a journal could not do what it was asked.

use laniakea_event::Seq;

/// What lies below: an error of the disk or of the store.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The journal failed. It is never the sender's fault; what the relay does depends on the variant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// There is no space left. Nothing of the group was recorded and the journal is sound: the
    /// relay answers `unavailable`, and the same call may succeed later.
    #[error("no space is left for the journal {journal}")]
    Full {
        /// Which journal.
        journal: String,
        /// What the store said.
        source: Cause,
    },
    /// Somebody else keeps the journal from being written. As with [`Self::Full`], nothing was
    /// recorded and the same call may succeed later.
    #[error("the journal {journal} is held by somebody else")]
    Busy {
        /// Which journal.
        journal: String,
        /// What the store said.
        source: Cause,
    },
    /// Writing or syncing failed, and nobody knows what reached the disk. Every later append
    /// fails too: the process must end, so that the next one reads what is really there.
    #[error("could not write to the journal {journal}")]
    Write {
        /// Which journal.
        journal: String,
        /// What the store said.
        source: Cause,
    },
    /// Reading failed. Nothing changed; the same call may succeed later.
    #[error("could not read the journal {journal}")]
    Read {
        /// Which journal.
        journal: String,
        /// What the store said.
        source: Cause,
    },
    /// One event is not what was written. Whoever wants to read on reads after its seq, and says
    /// so.
    #[error("event {seq} in the journal {journal} is damaged")]
    DamagedEvent {
        /// Which journal.
        journal: String,
        /// Which event.
        seq: Seq,
        /// What is wrong with it.
        source: Cause,
    },
    /// The journal contradicts itself, or is none. Nothing may be appended to it.
    #[error("the journal {journal} is damaged")]
    Damaged {
        /// Which journal.
        journal: String,
        /// What is wrong with it.
        source: Cause,
    },
}

impl JournalError {
    /// Whether the journal is sound and the same call may succeed later. After any other error of
    /// an append the process must end.
    pub fn is_recoverable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Busy { .. } | Self::Read { .. } => true,
            Self::Write { .. } | Self::DamagedEvent { .. } | Self::Damaged { .. } => false,
        }
    }
}
