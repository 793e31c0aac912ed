//! What became of an event that an upstream passed on.

use laniakea_event::Seq;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// What the recorder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the journal, now or since before.
    Taken(Seq),
    /// It never will be.
    Refused,
    /// The journal cannot take it at present.
    Later,
}

/// Tells the follower of an upstream what became of one event.
#[derive(Debug)]
pub(crate) struct Ticket(Sender<Outcome>);

impl Ticket {
    /// So many tickets, and where their outcomes come to.
    pub(crate) fn issue(count: usize) -> (Vec<Self>, Receiver<Outcome>) {
        let (sender, receiver) = channel(count.max(1));
        (std::iter::repeat_n(sender, count).map(Self).collect(), receiver)
    }

    /// It never waits: there is room for the outcome of each ticket.
    pub(crate) fn tell(self, outcome: Outcome) {
        self.0.try_send(outcome).unwrap_or_default();
    }
}
