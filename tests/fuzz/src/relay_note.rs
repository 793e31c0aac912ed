//! What a relay notes beside an event.

use std::sync::LazyLock;

use laniakea_event::{Limits, Prefix, RelayNote, SubmittedEvent, Value, VerifiedEvent};

use crate::world::{ROOMY, event};

static EVENT: LazyLock<VerifiedEvent> = LazyLock::new(|| event("_lk.core.ping", 1));

/// A note that is read and published again reads as the same, and changes nothing of the event.
pub fn relay_note(bytes: &[u8]) {
    let Ok(value) = Value::parse(bytes, &Limits::FROM_RELAY) else {
        return;
    };
    let Some(note) = RelayNote::parse(&value) else {
        return;
    };
    for (prefix, seq) in &note.prev {
        if let Ok(prefix) = Prefix::parse(prefix) {
            assert_eq!(note.previous(&prefix), Some(*seq));
        }
    }
    let frame = EVENT.frame(&note);
    let published = SubmittedEvent::parse(&frame, &ROOMY).expect("what we publish");
    assert_eq!(published.unsigned().and_then(RelayNote::parse), Some(note));
    assert_eq!(published.digest(), EVENT.digest());
}
