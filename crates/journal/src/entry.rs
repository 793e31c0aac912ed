//! What goes into a journal, and what becomes of it.

use laniakea_event::{Seq, SignerId, VerifiedEvent};

use crate::JournaledEvent;

/// An event that a relay accepts: verified, authorised and countersigned.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event, already with the relay's own signature.
    pub event: VerifiedEvent,
    /// The source signers that may emit it; a `uuid` belongs to each of them.
    pub sources: Vec<SignerId>,
    /// When the relay took it; a journal keeps microseconds and drops the rest.
    pub received: jiff::Timestamp,
}

/// What became of one [`Entry`].
#[derive(Debug, Clone)]
pub enum Appended {
    /// It is in the journal and may be published.
    Journaled(JournaledEvent),
    /// The journal took the same digest before.
    Duplicate {
        /// Where it stands, or stood before retention removed it.
        seq: Seq,
    },
    /// The same `uuid` came from the same source signer before, on other bytes.
    Conflict {
        /// Whose `uuid` it is.
        signer: SignerId,
    },
}
