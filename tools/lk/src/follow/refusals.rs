//! Events that were not believed: the first are told, the rest counted.

use std::cell::Cell;

use laniakea_event::Seq;

use crate::output::Notices;

/// Somebody with the wrong keys has as many refusals as there are events.
const TOLD: u64 = 5;

/// Tells of refused events.
pub(crate) struct Refusals {
    notices: Notices,
    count: Cell<u64>,
    untold: Cell<u64>,
}

impl Refusals {
    pub(crate) fn new(notices: Notices) -> Self {
        Self { notices, count: Cell::new(0), untold: Cell::new(0) }
    }

    pub(crate) fn tell(&self, seq: Option<Seq>, reason: &str) {
        self.count.set(self.count.get() + 1);
        if self.count.get() > TOLD {
            self.untold.set(self.untold.get() + 1);
            return;
        }
        let event = seq.map_or_else(|| "an event".to_owned(), |seq| format!("event {seq}"));
        self.notices.warning(&format!("{event} was refused: {reason}"));
    }

    /// Tells how many were refused since.
    pub(crate) fn sum_up(&self) {
        match self.untold.take() {
            0 => {}
            1 => self.notices.warning("another event was refused"),
            more => self.notices.warning(&format!("{more} more events were refused")),
        }
    }
}
