//! The rules of a subscription without its thread, within reach of `tests/fuzz`.

use super::{
    CursorError, CursorStore, Position, SubscriptionConfig, SubscriptionError, Update,
    follower::{Follower, Step},
    handled::Handled,
};
use crate::replay::{Answer, Request};

/// A subscription whose consumer handles each event at once.
pub struct Rules {
    follower: Follower,
    handled: Handled,
}

impl Rules {
    /// Begins as [`Subscription::open`](super::Subscription::open) does.
    ///
    /// # Errors
    ///
    /// The cursor cannot be read.
    pub fn new(mut config: SubscriptionConfig) -> Result<Self, CursorError> {
        let cursor = config.cursor.take();
        let position = cursor.as_deref().map(CursorStore::load).transpose()?.flatten();
        let handled = Handled::new(cursor);
        // Positions are stored as soon as they may be, without looking at a clock.
        handled.hurry();
        Ok(Self { follower: Follower::new(&config, position), handled })
    }

    /// A frame of the live stream came.
    pub fn on_live(&mut self, topic: &[u8], frame: &[u8]) {
        self.follower.on_live(topic, frame);
    }

    /// The connection came back.
    pub fn look_again(&mut self) {
        self.follower.look_again();
    }

    /// The timer went off.
    pub fn check(&mut self) {
        self.follower.check();
    }

    /// What the follower wants to ask the relay.
    pub fn wanted(&self) -> Option<Request> {
        self.follower.wanted()
    }

    /// The answer to what was wanted came.
    pub fn on_answer(&mut self, request: &Request, answer: Answer) {
        let _gain = self.follower.on_answer(request, answer);
    }

    /// What the cursor wants to be shown.
    pub fn unconfirmed(&self) -> Option<Request> {
        self.handled.ask().map(|position| Follower::show(position.seq))
    }

    /// The answer to that came.
    pub fn on_confirmation(&mut self, request: &Request, answer: Answer) {
        self.follower.on_confirmation(request, answer);
    }

    /// Hands on what there is to tell and does what the subscription's thread does with the rest.
    ///
    /// # Errors
    ///
    /// The subscription ends.
    pub fn updates(&mut self) -> Result<Vec<Update>, SubscriptionError> {
        let mut updates = Vec::new();
        for step in self.follower.take_steps() {
            match step {
                Step::Hear(last) => self.handled.hear(last),
                Step::Confirm(position) => self.handled.confirm(position),
                // Each is told here, whatever the time.
                Step::Contradict(said) => {
                    updates.push(Update::Contradiction { endpoint: "tcp://x:2".to_owned(), said });
                }
                Step::Unheard => {}
                Step::Fail(error) => return Err(error),
                Step::Tell(update) => {
                    self.handle(&update)?;
                    updates.push(update);
                }
            }
        }
        Ok(updates)
    }

    fn handle(&self, update: &Update) -> Result<(), CursorError> {
        let position: Option<Position> = match update {
            Update::Event(delivery) => delivery.position(),
            Update::CaughtUp(position) => Some(*position),
            _ => None,
        };
        position.map_or(Ok(()), |position| self.handled.note(position))
    }
}
